#!/bin/sh
# Makes a minimal Debian into the stack, inside of it: setup.sh PACKAGE... Both ways to build the image run this;
# without names the packages are there already.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin

if [ $# -gt 0 ]; then
    # Nothing starts while it is installed.
    printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
    rm -rf /etc/apt/sources.list.d
    mirror=http://deb.debian.org
    cat > /etc/apt/sources.list <<END_OF_LIST
deb $mirror/debian bookworm main
deb $mirror/debian bookworm-updates main
deb $mirror/debian-security bookworm-security main
END_OF_LIST
    # Some packages fail without the folders of manuals.
    mkdir -p /usr/share/man/man1 /usr/share/man/man7
    apt-get -qq update
    apt-get -qq -y upgrade
    apt-get -qq -y install --no-install-recommends "$@"
    rm -f /usr/sbin/policy-rc.d
fi

groupadd --gid 2000 vcap
useradd --uid 2000 --gid 2000 --create-home --shell /bin/bash vcap
# What a container needs to mount on, for its root is read-only; and no nginx of the image's own.
mkdir -p /home/vcap/app /zf/control /zf/logs
: > /zf/shim.py
rm -rf /var/www/html

# What differs from build to build, or serves nobody.
apt-get -qq clean
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/log/* /tmp/* /var/tmp/*
rm -rf /var/cache/ldconfig/aux-cache /root/.cache
: > /etc/machine-id
