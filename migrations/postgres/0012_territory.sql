-- The territory and zone of numbers imported before, where 0010 and the import were wrong. Lock-step
-- rule as in 0001_init.sql.

-- +1 is the code of some twenty countries: those of the area codes; null for fiction (555-01xx)
update number set territory = (
    select upper(case
        when substr(p.e164, 6, 5) = '55501' then null
        when substr(p.e164, 3, 3) in (
           '204', '226', '236', '249', '250', '257', '263', '273', '289', '306', '343',
           '354', '365', '367', '368', '382', '403', '416', '418', '428', '431', '437',
           '438', '450', '468', '474', '506', '514', '519', '548', '579', '581', '584',
           '587', '604', '613', '639', '647', '672', '683', '705', '709', '742', '753',
           '778', '780', '782', '807', '819', '825', '867', '873', '879', '902', '905',
           '942') then 'ca'
        when substr(p.e164, 3, 3) in ('268') then 'ag'
        when substr(p.e164, 3, 3) in ('264') then 'ai'
        when substr(p.e164, 3, 3) in ('246') then 'bb'
        when substr(p.e164, 3, 3) in ('441') then 'bm'
        when substr(p.e164, 3, 3) in ('242') then 'bs'
        when substr(p.e164, 3, 3) in ('767') then 'dm'
        when substr(p.e164, 3, 3) in ('809', '829', '849') then 'do'
        when substr(p.e164, 3, 3) in ('473') then 'gd'
        when substr(p.e164, 3, 3) in ('658', '876') then 'jm'
        when substr(p.e164, 3, 3) in ('869') then 'kn'
        when substr(p.e164, 3, 3) in ('345') then 'ky'
        when substr(p.e164, 3, 3) in ('758') then 'lc'
        when substr(p.e164, 3, 3) in ('664') then 'ms'
        when substr(p.e164, 3, 3) in ('721') then 'sx'
        when substr(p.e164, 3, 3) in ('649') then 'tc'
        when substr(p.e164, 3, 3) in ('868') then 'tt'
        when substr(p.e164, 3, 3) in ('784') then 'vc'
        when substr(p.e164, 3, 3) in ('284') then 'vg'
        when substr(p.e164, 3, 3) in ('684') then 'us-as'
        when substr(p.e164, 3, 3) in ('671') then 'us-gu'
        when substr(p.e164, 3, 3) in ('670') then 'us-mp'
        when substr(p.e164, 3, 3) in ('787', '939') then 'us-pr'
        when substr(p.e164, 3, 3) in ('340') then 'us-vi'
        else 'us'
    end)
    from person_personal p where p.person_id = number.person_id)
where territory = upper('us')
  and person_id in (select person_id from person_personal where e164 like '+1%');

-- parts of the United States have codes of their own in ISO 3166-1 too, under which no law was found
update number set territory = upper('us-') || territory
where territory in (upper('as'), upper('gu'), upper('mp'), upper('pr'), upper('vi'));

-- landlines of Alsace and Moselle, whose postal code was not understood or not there
update number set territory = (
    select upper(case
        when p.e164 like '+33387%' then 'fr-57'
        when p.e164 like '+33369%' or p.e164 like '+33389%' then 'fr-68'
        else 'fr-67'
    end)
    from person_personal p where p.person_id = number.person_id)
where territory = upper('fr')
  and person_id in (
    select person_id from person_personal
    where substr(e164, 1, 6) in ('+33367', '+33368', '+33369', '+33387', '+33388', '+33389', '+33390'));

-- landlines of the Canary Islands
update number set zone = upper('a') || 'tlantic/' || upper('c') || 'anary'
where zone = upper('e') || 'urope/' || upper('m') || 'adrid'
  and person_id in (
    select person_id from person_personal
    where substr(e164, 1, 6) in ('+34822', '+34828', '+34922', '+34928'));
