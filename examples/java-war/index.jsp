<%@ page contentType="text/plain" %>Hello from java-war, instance <%= System.getenv("CF_INSTANCE_INDEX") %>
