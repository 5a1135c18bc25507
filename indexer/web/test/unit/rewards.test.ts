import assert from "node:assert/strict";
import test from "node:test";
import { evenAfter, given, line, toldOf, toneOf, vested } from "../../src/lib/rewards";

test("a stream comes free evenly, rounded down, and then wholly", () => {
  const stream = { unpaid: 1001n, from: 100, until: 200 };
  assert.equal(vested(stream, 100), 0n);
  assert.equal(vested(stream, 99), 0n);
  assert.equal(vested(stream, 101), 10n);
  assert.equal(vested(stream, 199), 990n);
  assert.equal(vested(stream, 200), 1001n);
  assert.equal(vested({ unpaid: 5n, from: 7, until: 7 }, 7), 5n);
  const huge = 2n ** 95n;
  assert.equal(vested({ unpaid: huge, from: 0, until: 4 }, 1), huge / 4n);
});

test("the slow way overtakes the fast one when it has given as much", () => {
  const [slow, fast] = [
    { amount: 400n, period: 1000 },
    { amount: 200n, period: 100 },
  ];
  assert.equal(evenAfter(slow, fast), 500);
  assert.equal(given(slow, 500), given(fast, 500));
  assert.ok(given(slow, 499) < given(fast, 499));
  assert.equal(evenAfter({ amount: 3n, period: 10 }, { amount: 1n, period: 1 }), 4);
  assert.equal(evenAfter(slow, slow), null);
  assert.equal(evenAfter({ amount: 0n, period: 9 }, { amount: 0n, period: 1 }), null);
});

test("a way is drawn to its end, and level from there", () => {
  assert.deepEqual(line({ amount: 400n, period: 1000 }, 400n, 1000, 600, 100), [
    [0, 100],
    [600, 0],
  ]);
  assert.deepEqual(line({ amount: 200n, period: 100 }, 400n, 1000, 600, 100), [
    [0, 100],
    [60, 50],
    [600, 50],
  ]);
  assert.deepEqual(line({ amount: 0n, period: 0 }, 0n, 0, 600, 100), [
    [0, 100],
    [0, 100],
  ]);
});

test("an epoch is told by its checks", () => {
  const epoch = { run: {}, silent: false, assigned: 4, answered: 4, right: 4, wrong: 0 };
  assert.deepEqual([toneOf(epoch), toldOf(epoch)], ["good", "4 of 4 right"]);
  const part = { ...epoch, answered: 3, right: 2, wrong: 1 };
  assert.deepEqual([toneOf(part), toldOf(part)], ["part", "2 of 4 right, 1 wrong, 1 not answered"]);
  assert.equal(toneOf({ ...epoch, right: 0, wrong: 4 }), "bad");
  assert.deepEqual(
    [toneOf({ ...epoch, silent: true }), toldOf({ ...epoch, silent: true })],
    ["bad", "its operator was silent"],
  );
  assert.deepEqual([toneOf({ ...epoch, run: null }), toldOf({ ...epoch, run: null })], ["none", "nobody ran it"]);
  assert.equal(toneOf({ ...epoch, assigned: 0, answered: 0, right: 0 }), "none");
});
