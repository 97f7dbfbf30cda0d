-- The contacts that share a number: whoever has several numbers is one consumer to the law.
create index number_person on number (person_id);
