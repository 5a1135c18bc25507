/** Buying in every way that a sale allows, and what may be had back: each sum that is shown is the one that moves. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import type { Address, LocalAccount } from "viem";
import { ZERO_ADDRESS } from "../../src/lib/format";
import { promoHash } from "../../src/lib/list";
import { buyButton, connect, go, launch, order, payIn, says, shownCost, visit } from "./browser";
import { account, Devnet, type SaleRecord } from "./devnet";
import { Wallet } from "./wallet";

const [ada, bob, cleo, dan] = [account(10), account(11), account(12), account(13)];
const FUNDS = 100_000_000_000n;
/** A discount, a fee and a commission of it are no whole units. */
const ODD = 333_333_333n;

let devnet: Devnet;
let browser: Browser;
/** Takes no permits, and returns nothing. */
let token: Address;

before(
  async () => {
    [devnet, browser] = await Promise.all([Devnet.start(), launch()]);
    for (const { address } of [ada, bob, cleo, dan]) await devnet.fund(address, FUNDS);
    token = await devnet.cautiousToken([cleo.address, FUNDS], [dan.address, FUNDS]);
  },
  { timeout: 300_000 },
);

after(async () => {
  await browser?.close();
  await devnet?.stop();
});

/** Shows a sale to somebody whose wallet is connected. */
async function shown(sale: SaleRecord, person: LocalAccount, query = "") {
  const wallet = new Wallet(devnet.client, person);
  const { page, close } = await visit(browser, devnet, { sales: [sale], wallet });
  await go(page, devnet, `sale/${sale.address}${query}`);
  await connect(page);
  return { wallet, page, close };
}

const bought = (page: Page) => says(page, /^Done, in block/);
const transactions = (wallet: Wallet) => wallet.asked.filter((method) => method === "eth_sendTransaction").length;

test("a promo code costs what is shown, and counts down for all", async () => {
  const codes: [string, bigint, bigint][] = [
    ["EARLY", 1250n, 5n],
    ["LATE", 100n, 9n],
  ];
  const promos = codes.map(([text, discount, total]) => ({ code: promoHash(text), discount, total }));
  const sale = await devnet.sell({ name: "Promo Node", tiers: [[20, ODD]], promos });
  const file = join(tmpdir(), `promos-${process.pid}.csv`);
  writeFileSync(file, promos.map(({ code, discount, total }) => `${code},${discount},${total}\n`).join(""));

  const first = await shown(sale, ada);
  await first.page.getByLabel("Promo code (optional)").fill("EARLY");
  await first.page.getByLabel("The seller's promo list").setInputFiles(file);
  await says(first.page, /^The code saves 12\.5\u202f%, for 5 licences among all who use it; 5 of them are left\.$/);
  await first.page.getByLabel("Licences", { exact: true }).fill("3");
  const cost = await shownCost(first.page, 18);
  const price = ODD * 10n ** 12n;
  assert.equal(cost, 3n * (price - (price * 1250n) / 10_000n));
  await buyButton(first.page).click();
  await bought(first.page);
  assert.equal(await devnet.ledgerBalance(sale.address, ZERO_ADDRESS), cost);
  await says(first.page, /; 2 of them are left\.$/);
  await first.close();

  const second = await shown(sale, bob);
  await second.page.getByLabel("Promo code (optional)").fill("EARLY");
  await second.page.getByLabel("The seller's promo list").setInputFiles(file);
  await order(second.page, 3);
  await says(second.page, "The promo code is good for 2 more licences.");
  await payIn(second.page, "aUSD");
  await second.page.getByLabel("Licences", { exact: true }).fill("2");
  const more = await shownCost(second.page, 6);
  await buyButton(second.page).click();
  await bought(second.page);
  assert.equal(FUNDS - (await devnet.tokenBalance(bob.address)), more);
  assert.equal(more, 2n * (ODD - (ODD * 1250n) / 10_000n));
  await says(second.page, /; 0 of them are left\.$/);
  await second.close();
});

test("a token without permits is approved first, and what stands is told when the purchase is declined", async () => {
  const sale = await devnet.sell({ name: "Approved Node", tiers: [[20, ODD]], tokens: [token] });
  const { wallet, page, close } = await shown(sale, cleo);
  await payIn(page, "CAUT");
  await says(page, /^Two confirmations, for this token takes no signed permits\./);
  // Answers the approval, declines the purchase.
  wallet.before = async () => {
    wallet.next = "decline";
  };
  await order(page, 1);
  await says(page, "You declined in your wallet.");
  await says(page, /^Nothing was bought\. The sale may take 333\.333333\u00a0CAUT from your wallet, as you approved\./);
  assert.equal(transactions(wallet), 2);
  assert.equal(await devnet.tokenBalance(cleo.address, token), FUNDS);
  assert.equal(await devnet.allowance(token, cleo.address, sale.address), ODD);

  // The token takes no higher approval before the one that stands is taken back.
  await page.getByLabel("Licences", { exact: true }).fill("2");
  await says(page, /^Three confirmations/);
  await buyButton(page).click();
  await bought(page);
  assert.equal(transactions(wallet), 5);
  assert.equal(FUNDS - (await devnet.tokenBalance(cleo.address, token)), 2n * ODD);
  assert.equal(await devnet.allowance(token, cleo.address, sale.address), 0n);
  await close();
});

test("an approval that stands is used, and an approval that is declined sends nothing", async () => {
  const sale = await devnet.sell({ name: "Standing Node", tiers: [[20, ODD]], tokens: [token] });
  const { wallet, page, close } = await shown(sale, dan);
  await payIn(page, "CAUT");
  wallet.next = "decline";
  await order(page, 1);
  await says(page, "You declined in your wallet.");
  await says(page, "Nothing was sent, and nothing was paid.");
  assert.equal(await devnet.allowance(token, dan.address, sale.address), 0n);
  wallet.before = async () => {
    wallet.next = "decline";
  };
  await order(page, 1);
  await says(page, /^Nothing was bought\./);
  await says(page, /^One confirmation in your wallet, for the sale may take this amount already\./);
  await buyButton(page).click();
  await bought(page);
  assert.equal(transactions(wallet), 4);
  assert.equal(FUNDS - (await devnet.tokenBalance(dan.address, token)), ODD);
  await close();
});

test("a referrer takes its commission once the sale has succeeded, from its own network only", async () => {
  const sale = await devnet.sell({ name: "Referred Node", tiers: [[2, ODD]], softCap: 2 });
  const { devToken } = devnet.report.suite;
  const buyer = await shown(sale, bob, `?ref=${cleo.address}`);
  await payIn(buyer.page, "aUSD");
  await order(buyer.page, 2);
  await bought(buyer.page);
  await buyer.close();
  // A tenth of what both cost, rounded down.
  const earned = (2n * (ODD - (ODD * 500n) / 10_000n)) / 10n;

  const { wallet, page, close } = await shown(sale, cleo);
  await says(page, "63.333333\u00a0aUSD");
  assert.equal(earned, 63_333_333n);
  await wallet.moveTo(1);
  await page.getByRole("button", { name: "Take it" }).click();
  await says(page, /^Your wallet is on another network\./);
  assert.equal(transactions(wallet), 0);
  await wallet.moveTo(31337);
  await page.getByRole("button", { name: "Take it" }).click();
  await bought(page);
  await page.getByRole("button", { name: "Take it" }).waitFor({ state: "hidden" });
  assert.equal(await devnet.ledgerBalance(cleo.address, devToken), earned);
  const had = await devnet.tokenBalance(cleo.address);
  await go(page, devnet, "nodes");
  await page.getByRole("button", { name: "Withdraw to wallet" }).click();
  await says(page, "It is in your wallet.");
  assert.equal((await devnet.tokenBalance(cleo.address)) - had, earned);
  await close();
});

test("who keeps the right to return a licence is told its price, and gets it", async () => {
  const sale = await devnet.sell({ name: "Returned Node", tiers: [[2, ODD]], softCap: 2 });
  const { devToken } = devnet.report.suite;
  const { page, close } = await shown(sale, ada);
  await payIn(page, "aUSD");
  await says(page, "The seller shall take them back if I want, for what I paid less 10\u202f%");
  // 33.3333333 are kept, rounded up.
  await says(page, "299.999999\u00a0aUSD");
  await order(page, 1);
  await bought(page);
  await page.getByLabel(/^The seller shall take them back/).uncheck();
  await page.getByText("Given back, they bring").waitFor({ state: "detached" });
  await order(page, 1);
  await says(page, "Sold out. The sale succeeded.");
  await go(page, devnet, "nodes");
  const [kept, given] = [2, 1].map((id) => page.getByRole("article", { name: `Licence ${id}` }));
  await kept?.waitFor();
  assert.equal(await kept?.getByRole("button", { name: /^Give it back/ }).count(), 0);
  await given?.getByRole("button", { name: /^Give it back for 299\.999999\saUSD$/ }).click();
  await says(page, /^In your ledger account:/);
  await given?.waitFor({ state: "detached" });
  assert.equal(await devnet.ledgerBalance(ada.address, devToken), ODD - (ODD + 9n) / 10n);
  await close();
});

test("buying twice at once asks the wallet once", async () => {
  const sale = await devnet.sell({ name: "Single Node" });
  const { wallet, page, close } = await shown(sale, dan);
  await buyButton(page).dblclick();
  await bought(page);
  assert.equal(transactions(wallet), 1);
  await close();
});
