-- Personal data is sealed under keys of its own, and can be erased. Lock-step rule as in
-- 0001_init.sql. Rows of older programs are sealed at the next start.

-- the key of a person's digits, wrapped by a key of the centre's; null in plain rows
alter table person_personal add column key text;

-- the key of all that is known of a contact, wrapped by its client company's; name and fields stand
-- in fields together once they are sealed
alter table contact_personal add column key text;

-- when a contact was erased: what is left of it names nobody
alter table contact add column erased_at bigint;

-- whether an appointment was taken, which the sealed details tell nobody who counts
alter table attempt add column appointed boolean not null default false;

update attempt set appointed = true
where call_id in (
    select call_id from attempt_personal
    where details like '%"appointment":%');

-- the numbers that contacts had which were erased, so that a consumer stays one: attempts and
-- wishes on one of them count on the others
create table erased_number (
    person_id bigint not null references person (id),
    contact_id bigint not null,
    client_id integer not null,
    territory text,
    primary key (person_id, contact_id)
);

create index erased_number_contact on erased_number (contact_id);
