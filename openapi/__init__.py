"""The OpenAPI document, made from the schema and the route table that the functions run on."""
