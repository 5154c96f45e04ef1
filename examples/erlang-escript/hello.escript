#!/usr/bin/env escript
%% -*- erlang -*-
%%! -noinput

%% A web server of nothing but Erlang's kernel: one process per connection.

main(_) ->
    Port = list_to_integer(os:getenv("PORT")),
    {ok, Listener} = gen_tcp:listen(Port, [binary, {packet, http_bin}, {active, false}, {reuseaddr, true}, {backlog, 512}]),
    io:format("Listening on port ~b~n", [Port]),
    accept(Listener).

accept(Listener) ->
    {ok, Socket} = gen_tcp:accept(Listener),
    Server = spawn(fun() -> receive go -> serve(Socket) end end),
    ok = gen_tcp:controlling_process(Socket, Server),
    Server ! go,
    accept(Listener).

serve(Socket) ->
    case gen_tcp:recv(Socket, 0) of
        {ok, http_eoh} ->
            Body = ["Hello from instance ", os:getenv("CF_INSTANCE_INDEX", "0"), "\n"],
            Length = integer_to_list(iolist_size(Body)),
            ok = gen_tcp:send(Socket, ["HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ", Length, "\r\n\r\n", Body]),
            serve(Socket);
        {ok, _RequestOrHeader} -> serve(Socket);
        {error, _Closed} -> gen_tcp:close(Socket)
    end.
