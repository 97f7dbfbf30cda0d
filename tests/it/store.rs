//! What the store promises, told once for every engine it runs on.
//!
//! Each claim is a function of a [`House`](fixture::House); `suite!` runs all of them in a house on
//! SQLite and in one on PostgreSQL.

mod accounts;
pub(crate) mod audit;
mod calls;
mod cards;
mod compliance;
mod consents;
mod decisions;
mod erasure;
pub(crate) mod fixture;
pub(crate) mod forgery;
mod lists;
mod order;
pub(crate) mod pilot;
mod priors;
mod quality;
mod reopen;
mod replay;
mod shown;
mod standing;

macro_rules! suite {
    ($($module:ident { $($claim:ident),* $(,)? })*) => {
        mod sqlite {$(
            mod $module {
                use crate::store::fixture::{Done, House};
                $(
                    #[tokio::test]
                    async fn $claim() -> Done {
                        crate::store::$module::$claim(House::sqlite().await?).await
                    }
                )*
            }
        )*}

        mod postgres {$(
            mod $module {
                use crate::store::fixture::{Done, House};
                $(
                    #[tokio::test]
                    async fn $claim() -> Done {
                        let Some(house) = House::postgres().await? else { return Ok(()) };
                        crate::store::$module::$claim(house).await
                    }
                )*
            }
        )*}
    };
}

suite! {
    accounts {
        an_invitation_is_accepted_once_and_before_its_end,
        a_session_ends_with_its_time_its_account_and_the_next_sign_in,
        a_second_factor_is_sealed_and_none_of_its_steps_is_taken_twice,
    }
    audit {
        everything_is_told_once_and_verifies,
        a_chain_verifies_after_its_persons_were_erased_and_proofs_forgotten,
        a_byte_flipped_in_the_database_names_its_record,
        what_is_taken_out_put_in_or_hashed_anew_is_told,
        a_file_verifies_alone_and_a_byte_flipped_in_it_names_its_record,
        a_long_chain_is_verified_page_by_page,
    }
    forgery {
        an_end_hashed_anew_is_told_although_the_next_engine_signs_it,
        a_start_over_the_little_that_a_crash_leaves_is_told_and_no_fault,
        few_records_of_a_long_time_are_no_crash,
        a_signature_that_is_none_hides_no_end,
        a_commit_signs_every_thousandth_record,
        what_is_cut_off_under_an_engine_is_missing_whatever_it_could_not_write,
        another_number_shown_is_told,
        a_row_that_no_record_speaks_of_is_told,
    }
    shown {
        a_lead_tells_what_kind_of_person_it_is_and_which_number_was_shown,
        what_a_number_carried_is_counted_and_refusals_are_kept,
        contacts_that_wait_for_a_number_are_due_at_the_next_start,
    }
    calls {
        a_claim_leases_callbacks_first_then_by_priority_and_age,
        a_leased_contact_is_free_again_when_its_lease_ends_or_is_given_back,
        a_contact_in_a_call_is_not_claimed_before_the_call_is_completed,
        two_claims_at_once_never_give_the_same_contact,
        a_lead_tells_what_the_gate_must_know,
        a_claim_counts_what_the_list_still_holds,
        a_closed_call_decides_when_its_contact_is_due,
        a_disposition_overrules_the_close_whichever_comes_first,
        a_wrong_number_is_not_given_as_usable_again,
        a_completed_call_leaves_one_event_with_its_whole_story,
        a_campaign_without_an_endpoint_leaves_no_event,
        a_crash_closes_open_attempts_as_interrupted_once,
        a_crash_tells_who_was_at_work,
        a_crash_keeps_the_promise_of_the_callback_it_cut,
        a_lead_tells_that_its_person_was_abandoned_under_another_contact,
        a_lead_tells_whose_law_holds_and_that_its_person_refused,
        a_consumer_is_one_whatever_the_number_called,
        a_crash_gives_dialogs_leases_and_call_numbers_back,
        a_crash_gives_back_where_phones_were_registered,
        an_attempt_of_an_unknown_campaign_is_refused_alone,
        a_refused_or_skipped_contact_goes_where_the_core_says,
        a_refusal_that_was_none_lets_the_consumers_contacts_go,
        many_callers_share_few_transactions,
    }
    compliance {
        attempts_are_told_with_what_was_recorded_as_of_their_moment,
        a_later_wish_hides_no_earlier_one,
        what_a_new_number_shows_faults_no_attempt_of_before,
    }
    cards {
        a_correction_keeps_what_was_before_with_agent_call_and_date,
        a_number_is_added_or_wrong_and_a_list_imported_again_changes_no_card,
        a_wish_of_a_caller_is_written_once_with_its_events,
        a_call_that_came_in_and_was_cut_is_ended_by_the_next_start,
    }
    consents {
        a_lead_tells_the_rights_of_its_client_that_nobody_took_back,
        the_same_consent_in_another_list_adds_nothing,
        whoever_wants_no_call_takes_every_right_back,
        a_right_is_taken_back_on_every_number_of_a_consumer,
        a_right_lets_go_whoever_waited_for_one,
        a_list_cut_short_lets_go_whoever_waited_when_it_is_read_again,
        a_right_that_cannot_be_read_is_none,
    }
    order {
        within_a_priority_the_highest_score_is_called_first,
        a_retry_keeps_the_score_and_a_callback_comes_first,
        lists_with_a_share_are_claimed_in_turn,
        a_full_quota_is_led_past_until_it_is_raised,
        an_erased_contact_counts_in_no_quota_on_what_was_known_of_it,
        leads_tell_their_attempts_where_the_retry_plan_asks,
        a_claim_scans_no_list_and_sorts_none,
        fifty_thousand_contacts_are_put_in_another_order,
    }
    decisions {
        a_decision_is_read_back_as_it_was_made,
        decisions_of_one_instant_keep_their_own_forecasts,
        forecasts_are_compared_with_what_became_of_their_calls,
        forced_abandons_are_counted_apart_and_refute_no_forecast,
        old_decisions_are_forgotten_but_the_latest,
        an_engine_that_starts_forgets_what_is_older_than_four_weeks,
    }
    erasure {
        what_names_a_person_is_sealed_and_read_as_before,
        whoever_is_erased_is_nowhere_and_what_counts_stays,
        an_erased_contact_is_neither_called_nor_opened_again,
        an_erased_consumer_stays_one_for_wishes_and_attempts,
        a_number_another_contact_needs_is_kept,
        what_an_older_program_left_plain_is_sealed_at_the_start,
        each_kind_of_data_is_forgotten_when_its_time_is_over,
        a_proof_is_kept_for_years_after_its_right,
        a_sealed_text_without_its_key_opens_for_nobody,
        what_agents_corrected_and_who_called_back_is_sealed_and_erased,
        a_stranger_who_called_is_told_and_erased_by_the_number,
        a_campaign_that_changes_its_client_still_opens_its_contacts,
        a_client_company_keeps_all_that_is_its_own_under_another_name,
    }
    lists {
        the_same_list_twice_adds_nothing,
        whoever_wants_to_write_waits_for_a_portion_and_not_for_a_list,
        doubles_are_counted_where_they_stand,
        whom_another_live_campaign_has_to_call_is_left_out,
        references_taken_by_other_numbers_are_counted,
        fifty_thousand_contacts_are_imported_and_claimed,
        agents_and_campaigns_keep_their_ids_by_name,
        calls_are_listed_newest_first_page_by_page,
        stats_count_what_the_calls_tell,
        a_do_not_call_wish_reaches_as_far_as_it_says,
        a_wish_holds_on_every_number_of_a_consumer,
        of_two_wishes_the_one_that_ends_later_stands,
        an_ended_wish_stands_no_more_and_can_be_said_again,
        another_key_file_is_refused,
        two_stores_never_share_a_database,
        the_version_is_told_without_opening_the_store,
        a_changed_schema_is_found_when_the_store_is_opened,
    }
    pilot {
        a_pilot_is_counted_by_contacts_and_not_by_calls,
        a_pilot_counts_no_time_before_its_beginning_nor_after_its_end,
        nobody_works_while_the_engine_is_gone,
    }
    reopen {
        closed_contacts_are_opened_anew_by_how_they_ended,
        whoever_is_on_the_line_is_not_opened_anew,
        numbers_a_carrier_did_not_know_are_tried_again,
    }
    replay {
        writes_written_twice_leave_the_same_rows,
    }
    priors {
        a_lesson_is_read_back_as_it_was_counted_last,
        a_lesson_is_forgotten_after_four_weeks,
        a_restart_counts_what_the_abandon_rule_had_counted,
        a_crash_during_the_notice_still_counts_the_abandoned,
        a_crash_in_a_conversation_keeps_who_talked_to_whom_and_counts_the_answer,
    }
    quality {
        a_trunks_hour_counts_what_its_calls_came_to,
        a_trunks_hour_counted_again_stands_in_the_place_of_the_first_count,
        an_attempt_never_placed_counts_for_nothing,
        an_attempt_a_trunk_refused_reached_nobody,
    }
    standing {
        where_contacts_stand_is_told_and_what_they_wait_for,
    }
}
