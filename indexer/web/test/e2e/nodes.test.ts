import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import type { PoolRewards } from "../../src/api/networks";
import { connect, DESKTOP, go, launch, says, type View, violations, visit } from "./browser";
import { account, Devnet, type SaleRecord } from "./devnet";
import { Epochs, type Suite } from "./epochs";
import { Wallet } from "./wallet";

const [owner, operator, provider] = [account(14), account(15), account(16)];
const SCREENSHOTS = "screenshots";

let devnet: Devnet;
let browser: Browser;
let sale: SaleRecord;
let epochs: Epochs;

before(
  async () => {
    [devnet, browser] = await Promise.all([Devnet.start(), launch()]);
    const { suite } = await (await fetch(`${devnet.report.indexer}/v1/deployment`)).json();
    sale = (suite as Suite).sales[0] as SaleRecord;
    epochs = new Epochs(devnet, suite, operator, provider);
    await devnet.fund(owner.address, 10_000_000_000n);
    await devnet.buy(owner, sale.address);
    await epochs.enroll(2_000);
  },
  { timeout: 300_000 },
);

after(async () => {
  await browser?.close();
  await devnet?.stop();
});

async function open(wallet: Wallet, view: View = DESKTOP) {
  const visited = await visit(browser, devnet, { sales: [sale], wallet, view });
  await go(visited.page, devnet, "nodes");
  await connect(visited.page);
  return visited;
}

test("an owner delegates, an epoch passes, its rewards are explained and claimed", { timeout: 240_000 }, async () => {
  const wallet = new Wallet(devnet.client, owner);
  const { page, close } = await open(wallet);
  await page.getByText("Let somebody run it").click();
  await page.getByRole("combobox", { name: "Operator" }).selectOption(String(epochs.number));
  await page.getByRole("button", { name: "Delegate" }).click();
  await says(page, `operator ${epochs.number}, which keeps 20\u202f%`);
  await epochs.playTo((await epochs.epoch()) + 1);
  await page.reload();
  await says(page, "4/4");
  await says(page, /^Claim$/);
  await page
    .getByLabel(/^Why epoch/)
    .first()
    .click();
  await says(page, /^shares = 4 right \* \(10000 - 2000\) = 32000 of 40000$/);
  await says(page, /^reward = floor\(/);
  await page.getByRole("radio", { name: /^Fast/ }).check();
  await page.getByRole("button", { name: "Claim fast" }).click();
  await says(page, /^Done, in block/);
  await says(page, "Forfeited");
  await page.getByRole("button", { name: "End the delegation" }).click();
  await says(page, "It holds from the next epoch on.");
  await says(page, "Let somebody run it");
  await close();
});

test("an operator that is not among the first is found by its number, and a directory is linked", async () => {
  const { page, close } = await open(new Wallet(devnet.client, owner));
  await page.route("**/operators?limit=200", (route) => route.fulfill({ json: { items: [], next: "200" } }));
  await page.reload();
  await page.getByText("Let somebody run it").click();
  await page.getByLabel("Or its number").fill("999999");
  await says(page, "There is no operator 999999.");
  assert.equal(await page.getByRole("button", { name: "Delegate" }).isDisabled(), true);
  await page.getByLabel("Or its number").fill(String(epochs.number));
  await page.getByRole("combobox", { name: "Operator" }).getByText("keeps 20\u202f%").waitFor({ state: "attached" });
  assert.equal(await page.getByRole("button", { name: "Delegate" }).isEnabled(), true);
  await go(page, devnet, "");
  await says(page, "seats examined");
  await page.getByRole("link", { name: "Operators and seats" }).click();
  await says(page, "127.0.0.1:9000");
  await close();
});

test("an operator sees what it earned, and everybody the directory", async () => {
  const { page, close } = await open(new Wallet(devnet.client, operator));
  await says(page, `You as operator ${epochs.number}`);
  await says(page, "To be claimed");
  await go(page, devnet, "operators");
  const table = page.getByRole("table", { name: "Operators" });
  await table.getByText("20\u202f%").first().waitFor();
  await table.getByText("100\u202f%").first().waitFor();
  await says(page, "127.0.0.1:9000");
  await close();
});

const VIEWS: Record<string, View> = { desktop: DESKTOP, "phone-dark": { wide: false, dark: true } };

for (const [name, view] of Object.entries(VIEWS)) {
  test(`nodes and operators are accessible and fit: ${name}`, async () => {
    mkdirSync(SCREENSHOTS, { recursive: true });
    for (const [title, path, person] of [
      ["owner", "nodes", owner],
      ["operator", "nodes", operator],
      ["operators", "operators", owner],
    ] as const) {
      const { page, close } = await open(new Wallet(devnet.client, person), view);
      await go(page, devnet, path);
      await page.getByRole("table").first().waitFor();
      await page.screenshot({ path: join(SCREENSHOTS, `network-${title}-${name}.png`), fullPage: true });
      assert.deepEqual(await violations(page), [], `${title}, ${name}`);
      const spill = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(spill <= 0, `${title}, ${name}: ${spill} pixels too wide`);
      await close();
    }
  });
}

test("an operator claims slowly, and collects what has come free, to the unit", { timeout: 120_000 }, async () => {
  const { page, close } = await open(new Wallet(devnet.client, operator));
  const { devToken } = devnet.report.suite;
  const earned = async () => (await epochs.rewards(epochs.number)).pools[0] as PoolRewards;
  const before = await devnet.ledgerBalance(operator.address, devToken);
  await page.getByRole("button", { name: "Claim slowly" }).click();
  await says(page, "It comes free from now on, evenly.");
  await devnet.passTime((await earned()).choices.slow.period / 2);
  await page.reload();
  await page.getByRole("button", { name: "Collect" }).click();
  await says(page, "It lies in your ledger account, below.");
  await says(page, "Paid out");
  const paid = (await devnet.ledgerBalance(operator.address, devToken)) - before;
  const { claimed, collected, unpaid, forfeited } = (await earned()).books;
  assert.equal(BigInt(collected), paid);
  assert.ok(paid > 0n && BigInt(unpaid) > 0n, `${paid} paid, ${unpaid} not yet`);
  assert.equal(BigInt(collected) + BigInt(unpaid), BigInt(claimed));
  assert.equal(forfeited, "0");
  await close();
});
