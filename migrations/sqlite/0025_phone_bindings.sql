-- An agent may have several phones registered: a list of bindings, each with the end of its time, and
-- the one that is rung last. Lock-step rule as in 0001_init.sql.

update phone_binding set binding = '[[' || binding || ',' || until_at || ']]';
