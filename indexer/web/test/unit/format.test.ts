import assert from "node:assert/strict";
import test from "node:test";
import { UserRejectedRequestError } from "viem";
import { explain } from "../../src/chain/errors";
import { count, duration, integer, share, short, units } from "../../src/lib/format";
import { parse } from "../../src/route";

test("amounts are written exactly", () => {
  assert.equal(units(12_500_000n, 6), "12.5");
  assert.equal(units("1", 18), "0.000000000000000001");
  assert.equal(units(1_234_567_890_123_456_789_012_345n, 18), "1\u202f234\u202f567.890123456789012345");
  assert.equal(units(0n, 6), "0");
  assert.equal(units(7n, 0), "7");
  assert.equal(units(1_234_567n, 6, 4), "1.2345…");
  assert.equal(units(1_200_000n, 6, 4), "1.2");
  assert.equal(integer(1234567), "1\u202f234\u202f567");
});

test("shares, counts, times and hashes", () => {
  assert.equal(share(500), "5\u202f%");
  assert.equal(share(25), "0.25\u202f%");
  assert.equal(share(10_000), "100\u202f%");
  assert.equal(count(1, "licence"), "1 licence");
  assert.equal(count(2, "licence"), "2 licences");
  assert.equal(duration(90_061), "1 d 1 h");
  assert.equal(duration(3600), "1 h");
  assert.equal(duration(0), "0 s");
  assert.equal(short(`0x${"ab".repeat(20)}`), "0xababab…abab");
});

test("links lead to pages, whatever they hold", () => {
  const { query, ...route } = parse("#/sale/0xab?ref=0xcd");
  assert.deepEqual(route, { page: "sale", id: "0xab", rest: undefined });
  assert.equal(query.get("ref"), "0xcd");
  assert.equal(parse("").page, "");
  assert.equal(parse("#/orders/%E0%A4%A").id, "%E0%A4%A");
});

test("a wallet's errors are told in plain words, however deep they lie", () => {
  const rejected = new UserRejectedRequestError(new Error("no"));
  assert.match(explain(new Error("outer", { cause: rejected })).what, /^You declined/);
  assert.match(explain({ code: 4100 }).what, /locked/);
  assert.match(explain({ code: -32002 }).what, /already shows a request/);
  assert.equal(explain(new Error("strange")).what, "strange");
});
