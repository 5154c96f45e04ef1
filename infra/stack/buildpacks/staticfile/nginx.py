"""The nginx.conf of a static site; finalize imports it. All paths are below the app's folder."""

PAGE = """\
worker_processes 1;
events {{ worker_connections 1024; }}
http {{
  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  charset utf-8;
  charset_types text/plain text/css text/xml text/csv application/javascript;
  sendfile on;
  tcp_nopush on;
  keepalive_timeout 120;
  server_tokens off;
  absolute_redirect off;
  log_not_found off;
  gzip on;
  gzip_vary on;
  gzip_proxied any;
  gzip_types text/plain text/css text/xml application/javascript application/json application/xml image/svg+xml;
  server {{
    listen {{{{port}}}};
    root "{root}";
    index index.html;
    disable_symlinks if_not_owner from=$document_root;
    {rules}
  }}
}}
"""

#: Of the app's root: about the app, not of it.
PRIVATE = r"location ~ ^/(Staticfile|Staticfile\.auth|manifest\.ya?ml|Procfile|\.cfignore)(/|$) { return 404; }"

#: Switch of the Staticfile -> what nginx is told. ``pushstate``: whatever has no dot in its name is the index's.
RULES = {
    "pushstate": (
        "location / { try_files $uri $uri/ /index.html; }",
        r"location ~ /[^/]*\.[^/]*$ { try_files $uri $uri/ =404; }",
    ),
    "force_https": ('if ($http_x_forwarded_proto = "http") { return 301 https://$host$request_uri; }',),
    "directory": ("autoindex on;",),
    "ssi": ("ssi on;",),
    "http_strict_transport_security": ('add_header Strict-Transport-Security "max-age=31536000";',),
}


def config(root, on, has_auth, has_404):
    """root: relative. on: the switches that are. has_auth: passwords lie beside the file, as Staticfile.auth."""
    rules = []
    if "host_dot_files" not in on:
        rules.append(r"location ~ /\.(?!well-known(/|$)) { return 404; }")
    if root == ".":
        rules.append(PRIVATE)
    for switch in sorted(on & RULES.keys()):
        rules.extend(RULES[switch])
    if has_auth:
        rules += ['auth_basic "Restricted";', "auth_basic_user_file Staticfile.auth;"]
    # A folder without a page is nothing to know about.
    if has_404:
        rules += ["error_page 403 404 =404 /404.html;", "location = /404.html { internal; }"]
    else:
        rules += ["error_page 403 = @missing;", "location @missing { return 404; }"]
    return PAGE.format(root=root, rules="\n    ".join(rules))
