-- what an agent can do that a campaign may require
create table agent_skill (
    agent_id bigint not null references agent (id),
    skill text not null,
    primary key (agent_id, skill)
);

-- calls and reports still name an agent who was removed
alter table agent add column removed boolean not null default false;
