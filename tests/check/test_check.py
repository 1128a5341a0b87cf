#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_check.py - the schedule, the judgement and the comparison of tools/check-coherence, without any process."""
import unittest

import compare
import judge
import plan
import report
from sp_client import cache, users


def fault(kind, began_s=0.0, ended_s=0.0):
    made = plan.Fault(0, 0.0, kind, {})
    made.began_us, made.ended_us = int(began_s * 1e6), int(ended_s * 1e6)
    return made


def stale(began_s, longest_s, reads=1):
    longest_us = int(longest_s * 1e6)
    return {"began_us": int(began_s * 1e6), "longest_us": longest_us, "reads": reads,
            "over_100ms": reads * (longest_s >= 0.1), "over_1s": reads * (longest_s >= 1), "over_5s": 0}


class Schedule(unittest.TestCase):
    def test_a_seed_gives_one_schedule(self):
        self.assertEqual(plan.schedule(7, 60), plan.schedule(7, 60))
        self.assertNotEqual(plan.schedule(7, 60), plan.schedule(8, 60))

    def test_two_minutes_have_200_faults_and_what_wipes_redis_comes_half_as_often(self):
        faults = plan.schedule(1, 120)
        self.assertGreaterEqual(len(faults), 220)
        counts = {kind: sum(item.kind == kind for item in faults) for kind in plan.KINDS}
        self.assertEqual({counts[kind] for kind in plan.WIPES}, {counts["typed-sql"] // 2})
        self.assertEqual({counts[kind] for kind in plan.KINDS if kind in plan.OTHERS}, {counts["typed-sql"]})

    def test_nothing_wipes_redis_at_the_end(self):
        last = plan.schedule(1, 60)[-len(plan.OTHERS):]
        self.assertEqual({item.kind for item in last}, set(plan.OTHERS))

    def test_a_short_run_has_every_kind(self):
        self.assertEqual({item.kind for item in plan.schedule(1, 5)}, set(plan.KINDS))

    def test_faults_come_in_order_within_their_time(self):
        times = [item.at_s for item in plan.schedule(3, 60)]
        self.assertEqual(times, sorted(times))
        self.assertGreaterEqual(times[0], plan.WARM_S)
        self.assertLessEqual(times[-1], 60 - plan.LAST_S)

    def test_a_fault_has_its_process_links_or_redis_for_itself(self):
        needs = {item.kind: plan.needs(item) for item in plan.schedule(1, 5)}
        self.assertEqual(needs["promotion"], {"redis"})
        self.assertTrue(needs["kill-api"] <= set(plan.SERVICES))
        self.assertTrue(needs["proxy-cut"] and needs["proxy-cut"] <= set(plan.LINKS))
        self.assertEqual(needs["typed-sql"], set())


class Culprits(unittest.TestCase):
    def test_what_lasted_when_the_missed_write_was_answered(self):
        faults = [fault("early", 1, 2), fault("right", 9, 10.5), fault("late", 12, 13), fault("never")]
        self.assertEqual(judge.culprits(faults, 10_000_000, 12_500_000), {"right"})

    def test_what_had_just_ended_then(self):
        self.assertEqual(judge.culprits([fault("right", 8, 9.5)], 10_000_000, 11_000_000), {"right"})

    def test_what_lasts_still(self):
        self.assertEqual(judge.culprits([fault("right", 8)], 10_000_000, 11_000_000), {"right"})

    def test_otherwise_what_came_before_the_read(self):
        self.assertEqual(judge.culprits([fault("later", 12, 13)], 10_000_000, 12_500_000), {"later"})

    def test_otherwise_nothing(self):
        self.assertEqual(judge.culprits([fault("early", 1, 2)], 10_000_000, 12_500_000), {"none"})

    def test_the_tally_adds_up_by_kind(self):
        tally = judge.Tally()
        faults = [fault("one", 9, 11), fault("two", 9, 11)]
        tally.add(stale(10.5, 0.25, reads=3), faults)
        tally.add(stale(11.5, 1.5), faults)
        row = {"reads": 4, "over_100ms": 4, "over_1s": 1, "over_5s": 0, "longest_us": 1_500_000}
        self.assertEqual(tally.by_kind, {"one": row, "two": row})


class Verdict(unittest.TestCase):
    def run_of(self, **changes):
        fields = {"kinds": ("a", "b"), "fired": {"a": 1, "b": 2}, "totals": {"reads": 100, "near": 60}, "hits": "near",
                  "min_reads": 100, "bound_us": 0, "differences": [], "troubles": []}
        return judge.verdict(judge.Run(**{**fields, **changes}))

    def test_a_clean_run(self):
        self.assertEqual(self.run_of(), (judge.OK, []))

    def test_a_difference_is_stale_for_good_even_in_a_run_that_does_not_count(self):
        self.assertEqual(self.run_of(differences=[{}])[0], judge.STALE)
        status, reasons = self.run_of(differences=[{}], fired={"a": 1})
        self.assertEqual(status, judge.STALE)
        self.assertIn("never fired: b", reasons[0])

    BY_DEFAULT = ((int(judge.STATED_BOUND_S * 1e6), int(judge.FAILING_BOUND_S * 1e6), judge.OK),
                  (1_600_000, int(judge.FAILING_BOUND_S * 1e6), judge.STALE))

    def test_the_report_says_whether_the_stated_bound_was_kept(self):
        run = {"design": "freshet", "seed": 1, "hits": "near", "exit": judge.OK, "reasons": [], "fired": {}, "faults": [],
               "stale_by_fault": {}, "stale_for_good": [], "over_bound": [], "history": {}, "compared": 0}
        for longest_us, word in ((790_000, "yes"), (810_000, "NO")):
            with self.subTest(longest_us=longest_us):
                self.assertIn(f"every read within the stated bound of 0.8 s: {word}\n",
                              report.text({**run, "totals": {"longest_us": longest_us}}))

    def test_a_read_over_the_bound_is_as_bad(self):
        for longest_us, bound_us, status in ((4_000_000, 5_000_000, judge.OK), (6_000_000, 5_000_000, judge.STALE),
                                             (6_000_000, 0, judge.OK), *self.BY_DEFAULT):
            with self.subTest(longest_us=longest_us, bound_us=bound_us):
                totals = {"reads": 100, "near": 60, "longest_us": longest_us}
                self.assertEqual(self.run_of(totals=totals, bound_us=bound_us)[0], status)

    def test_what_keeps_a_run_from_counting(self):
        for change, words in (({"fired": {"a": 1, "b": 0}}, "never fired: b"),
                              ({"totals": {"reads": 99, "near": 60}}, "99 reads"),
                              ({"totals": {"reads": 100, "near": 50}}, "50 of 100 reads were hits"),
                              ({"hits": "redis"}, "0 of 100 reads were hits (redis)"),
                              ({"totals": {"reads": 100, "near": 60, "mismatches": 1}}, "named a version"),
                              ({"totals": {}}, "0 reads"),
                              ({"troubles": ["data-1 ended by itself"]}, "data-1 ended by itself")):
            with self.subTest(change=change):
                status, reasons = self.run_of(**change)
                self.assertEqual(status, judge.NO_RUN)
                self.assertIn(words, "; ".join(reasons))


class Records(unittest.TestCase):
    ALICE = users.User(id="alice", name="Alice", email="a@test", preference="x", version=7)
    SHOWN = ("Alice", "a@test", "x", 7)

    def record(self, **changes):
        fields = {"kind": cache.Record.FOUND, "version": 7, "floor": 7, "token": 0, "lease_end_us": 0,
                  "soft_expiry_us": 0, "incarnation": 5, "payload": self.ALICE.SerializeToString()}
        return cache.Record(**{**fields, **changes}).SerializeToString()

    def test_what_serves(self):
        self.assertEqual(compare.served_by_record(self.record(), 5), (True, self.SHOWN))
        nothing = self.record(kind=cache.Record.NOT_FOUND, payload=b"")
        self.assertEqual(compare.served_by_record(nothing, 5), (True, None))

    def test_what_does_not_serve(self):
        for changes in ({"floor": 8}, {"incarnation": 4}, {"kind": cache.Record.NONE, "payload": b""}):
            with self.subTest(changes=changes):
                self.assertEqual(compare.served_by_record(self.record(**changes), 5), (False, None))

    def test_a_record_whose_version_is_not_that_of_its_value_differs_from_every_row(self):
        _, shown = compare.served_by_record(self.record(version=9), 5)
        self.assertIsNotNone(compare.difference("redis", "alice", shown, self.SHOWN))
        self.assertIsNotNone(compare.difference("redis", "alice", shown, (*self.SHOWN[:3], 9)))

    def test_differences(self):
        self.assertIsNone(compare.difference("redis", "alice", self.SHOWN, self.SHOWN))
        self.assertIsNone(compare.difference("redis", "alice", None, None))
        for shown, row in ((None, self.SHOWN), (self.SHOWN, None), (self.SHOWN, (*self.SHOWN[:3], 8))):
            self.assertEqual(compare.difference("api-1", "alice", shown, row),
                             {"where": "api-1", "key": "alice", "shown": shown, "database": row})


if __name__ == "__main__":
    unittest.main()
