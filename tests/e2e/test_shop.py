#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_shop.py - a stranger's domain, served by two programs of its own, that freshet knows only by asking them."""
import json
import os
import re
import shutil
import subprocess
import tempfile

from freshet_testing import Redis, Service, TestCase, main, run_freshet, wait_until


class Shop(TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="freshet-shop-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.database = os.path.join(self.folder, "shop.db")
        redis = Redis(self.folder)
        redis.start()
        self.addCleanup(redis.kill)
        common = ["--redis", redis.url, "--namespace", "shop"]
        self.data = self.start("shop-data", [*common, "--db", "sqlite:" + self.database])
        self.api = self.start("shop-api", [*common, "--data", self.data.address])

    def start(self, name, options):
        service = Service(name, ["--listen", "tcp://127.0.0.1:0", *options], self.folder)
        self.addCleanup(service.stop)
        service.ready()
        return service

    def sql(self, statement):
        subprocess.run(["sqlite3", "-cmd", ".timeout 10000", self.database, statement], check=True, timeout=60)

    def call(self, method, **request):
        """(exit status, answer or None, where it came from)"""
        done = run_freshet("call", "-v", "--addr", self.api.address, "products.v1.Products/" + method, json.dumps(request))
        source = re.search(r"x-cache: (\w+)", done.stderr)
        return done.returncode, json.loads(done.stdout) if done.stdout else None, source.group(1) if source else None

    def cached(self, method, answer, **request):
        """Right at once, and soon from a cache: the relay may yet announce the INSERT, which a fill must not overtake."""
        def is_cached():
            outcome = self.call(method, **request)
            self.assertEqual(outcome[:2], (0, answer))
            return outcome[2] in ("near", "redis")
        wait_until(is_cached, 20, f"{method} {request} is cached")

    def test_both_keys_follow_the_table(self):
        self.sql("INSERT INTO products(id, shop, sku, price_cents) VALUES (7, 'north', 'lamp', 1999)")
        lamp = {"id": "7", "shop": "north", "sku": "lamp", "priceCents": 1999}
        self.assertEqual(self.call("GetProduct", id=7), (0, lamp, "origin"))
        self.cached("GetProduct", lamp, id=7)
        self.assertEqual(self.call("FindProduct", shop="north", sku="lamp"), (0, lamp, "origin"))
        self.cached("FindProduct", lamp, shop="north", sku="lamp")
        self.assertEqual(self.call("FindProduct", shop="north", sku="lantern")[0], 69)
        self.sql("UPDATE products SET sku = 'lantern' WHERE id = 7")
        lantern = {**lamp, "sku": "lantern"}
        for method, request, status, answer in (("GetProduct", {"id": 7}, 0, lantern),
                                                ("FindProduct", {"shop": "north", "sku": "lantern"}, 0, lantern),
                                                ("FindProduct", {"shop": "north", "sku": "lamp"}, 69, None)):
            wait_until(lambda: self.call(method, **request)[:2] == (status, answer), 20, f"{method} {request} is fresh")
            *outcome, source = self.call(method, **request)
            self.assertEqual(outcome, [status, answer])
            self.assertIn(source, ("near", "redis"))

    def test_the_programs_describe_themselves(self):
        self.assertIn("products.v1.Products", run_freshet("list", "--addr", self.api.address).stdout.split())
        done = run_freshet("describe", "--addr", self.data.address, "products.v1.ProductData/FindProduct")
        self.assertIn('option (freshet.cache.v1.cached) = { kind: "product_by_sku" by: "shop" by: "sku" ttl: "1m" '
                      'not_found_ttl: "30s" };', done.stdout)
        self.assertEqual(self.call("RecallProduct", id=7)[0], 76)
        self.assertEqual(self.call("Nothing", id=7)[0], 76)


if __name__ == "__main__":
    main()
