import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import type { Address } from "viem";
import {
  buyButton,
  connect,
  DESKTOP,
  go,
  lastTransaction,
  launch,
  order,
  payIn,
  says,
  type View,
  violations,
  visit,
} from "./browser";
import { account, Devnet, type SaleRecord } from "./devnet";
import { Wallet } from "./wallet";

const [ada, bob, cleo, dan] = [account(10), account(11), account(12), account(13)];
const DAY = 86_400;
const PRICE = 500_000_000n;

let devnet: Devnet;
let browser: Browser;
/** One sale that succeeds, with an allow-list; one that fails. */
let sale: SaleRecord;
let failing: SaleRecord;
const LIST: [Address, bigint][] = [
  [ada.address, 3n],
  [cleo.address, 1n],
];
const listFile = join(tmpdir(), `allowlist-${process.pid}.csv`);

before(
  async () => {
    [devnet, browser] = await Promise.all([Devnet.start(), launch()]);
    writeFileSync(listFile, `address,allocation\n${LIST.map((row) => row.join(",")).join("\n")}\n`);
    const text = join(tmpdir(), `texts-${process.pid}.txt`);
    writeFileSync(text, "who pays when a provider lies?\nthe one who lied\nfrom its stake\n");
    await devnet.assay("embed", text, "--verify", "--key", "anvil:2");
    for (const buyer of [ada, bob, cleo, dan]) await devnet.fund(buyer.address, 100_000_000_000n);
    sale = await devnet.sell({ publicIn: DAY, list: LIST });
    failing = await devnet.sell({ name: "Doomed Node", softCap: 20, endsIn: 3 * DAY });
  },
  { timeout: 300_000 },
);

after(async () => {
  await browser?.close();
  await devnet?.stop();
});

/** Runs `act` on the page with a wallet, and checks at the end that the page did nothing that it must not. */
async function withWallet(wallet: Wallet, act: (page: Page) => Promise<void>): Promise<void> {
  const { page, close } = await visit(browser, devnet, { sales: [failing, sale], wallet });
  await act(page);
  await close();
}

const walletOf = (...accounts: ConstructorParameters<typeof Wallet>[1][]) => new Wallet(devnet.client, ...accounts);
test("the network's page shows what the chain says, and follows it", async () => {
  const { page, close } = await visit(browser, devnet, {});
  await go(page, devnet, "");
  await says(page, "tasks settled");
  const orders = page.getByRole("table", { name: "Latest orders" });
  await orders.getByRole("row").nth(1).waitFor();
  await orders.getByRole("link").first().click();
  await says(page, "Inputs root");
  await page.getByRole("table", { name: "Batches of the order" }).getByRole("link").first().click();
  await says(page, "Draw");
  await page.getByRole("searchbox").fill(devnet.report.suite.ledger);
  await page.keyboard.press("Enter");
  await says(page, "Ledger");
  await page.getByRole("searchbox").fill(`0x${"12".repeat(32)}`);
  await page.keyboard.press("Enter");
  await says(page, "Nothing has that name.");
  await close();
});

async function aBatch(): Promise<string> {
  const response = await fetch(`${devnet.report.indexer}/v1/batches`);
  return (await response.json()).items[0].batch_id;
}

test("a task's proof is checked here, and an altered one is found out", async () => {
  const { page, close } = await visit(browser, devnet, {});
  const task = `batches/${await aBatch()}/1`;
  await go(page, devnet, task);
  await says(page, /^Checked in this browser/);
  await says(page, /names this id/);
  await says(page, "Audit trail");
  await page.route("**/tasks/1", async (route) => {
    const response = await route.fetch();
    const altered = await response.json();
    altered.units += 1;
    await route.fulfill({ response, json: altered });
  });
  await page.reload();
  await says(page, /^This proof does not hold/);
  await close();
});

test("listed buyers buy in the allow-list phase, others cannot", async () => {
  const wallet = walletOf(ada);
  await withWallet(wallet, async (page) => {
    await go(page, devnet, `sale/${sale.address}`);
    await connect(page);
    await says(page, "Open to the allow-list");
    assert.equal(await page.getByRole("button", { name: "For listed buyers only" }).isDisabled(), true);
    await page.getByLabel("The seller's allow-list").setInputFiles(listFile);
    await says(page, "You are on the list, for 3 licences in all.");
    await order(page, 2);
    await says(page, /^Done, in block/);
    await says(page, "No. 1 – 2");
    await order(page, 2);
    await says(page, "The list gives you 3 licences, and you would have 4.");
    await wallet.choose(bob);
    await says(page, /^Your wallet has changed to the account/);
    await page.getByLabel("The seller's allow-list").setInputFiles(listFile);
    await says(page, "This account is not on the list.");
  });
});

test("everybody buys in the public phase, in a token with one signature and one transaction", async () => {
  await devnet.passTime(DAY + 60);
  const wallet = walletOf(bob);
  const had = await devnet.tokenBalance(bob.address);
  await withWallet(wallet, async (page) => {
    await go(page, devnet, `sale/${sale.address}?ref=${cleo.address}`);
    await connect(page);
    await says(page, "Open to everybody");
    await payIn(page, "aUSD");
    await says(page, "Saves you 5\u202f%.");
    await page.getByRole("button", { name: "Sign and buy" }).waitFor();
    await order(page, 3);
    await says(page, /^Done, in block/);
  });
  assert.deepEqual(wallet.asked, ["eth_requestAccounts", "eth_signTypedData_v4", "eth_sendTransaction"]);
  assert.equal(had - (await devnet.tokenBalance(bob.address)), (3n * PRICE * 95n) / 100n);
});

test("the referrer sees what it earned, and nobody refers themselves", async () => {
  const wallet = walletOf(cleo);
  await withWallet(wallet, async (page) => {
    await go(page, devnet, `sale/${sale.address}`);
    await connect(page);
    await says(page, "142.5\u00a0aUSD");
    await page.getByLabel("Who sent you (optional)").fill(cleo.address);
    await order(page, 1);
    await says(page, "Nobody can refer themselves, and neither can the seller.");
  });
});

test("a licence is delegated, and taken back", async () => {
  const wallet = walletOf(ada);
  await withWallet(wallet, async (page) => {
    await go(page, devnet, "nodes");
    await connect(page);
    const licence = page.getByRole("article", { name: "Licence 1" });
    await licence.getByText("Let somebody run it").click();
    await licence.getByLabel("Operator").fill(dan.address);
    await licence.getByRole("button", { name: "Delegate" }).click();
    await says(page, "The operator is set.");
    await licence.getByText("Change the operator").waitFor();
    await licence.getByRole("button", { name: "End it now" }).click();
    await licence.getByText("Let somebody run it").waitFor();
  });
});

test("each trouble with a wallet is told in plain words", async () => {
  const wallet = walletOf(dan);
  await withWallet(wallet, async (page) => {
    await go(page, devnet, `sale/${sale.address}`);
    wallet.next = "decline";
    await page.getByRole("button", { name: "Connect wallet" }).click();
    await page.getByRole("button", { name: "Test Wallet" }).click();
    await says(page, "You declined in your wallet.");
    await page.getByRole("button", { name: "Test Wallet" }).click();
    await page.getByRole("dialog").waitFor({ state: "hidden" });

    wallet.next = "decline";
    await order(page, 1);
    await says(page, "Nothing was sent, and nothing was paid.");

    wallet.before = () => wallet.choose(bob);
    await payIn(page, "aUSD");
    await order(page, 1);
    await says(page, /^Your wallet has changed to the account/);
    await wallet.choose(dan);

    await wallet.moveTo(1);
    await says(page, /^Your wallet is on .*; this page is about/);
    assert.equal(await buyButton(page).isDisabled(), true);
    await page.getByRole("button", { name: /^Switch to/ }).click();
    await page.getByRole("button", { name: /^Switch to/ }).waitFor({ state: "hidden" });

    wallet.locked = true;
    await order(page, 1);
    await says(page, "Your wallet is locked.");
    await wallet.emit("accountsChanged", []);
    await says(page, "Your wallet is locked, or disconnected from this page.");
  });
});

test("a sale that sells out while the wallet asks costs nothing but gas", async () => {
  const small = await devnet.sell({ name: "Last Node", tiers: [[1, PRICE]], softCap: 1 });
  const wallet = walletOf(dan);
  const { page, close } = await visit(browser, devnet, { sales: [small], wallet });
  await go(page, devnet, "sale");
  await connect(page);
  const rival = walletOf(cleo);
  wallet.before = async () => {
    const other = await visit(browser, devnet, { sales: [small], wallet: rival });
    await go(other.page, devnet, "sale");
    await connect(other.page);
    await order(other.page, 1);
    await says(other.page, /^Done, in block/);
    await other.close();
  };
  await order(page, 1);
  await says(page, "The chain took the transaction and refused what it asks for.");
  await says(page, "Sold out. The sale succeeded.");
  await close();
});

test("a transaction that is sped up is followed to its replacement", async () => {
  const quick = await devnet.sell({ name: "Quick Node" });
  const wallet = walletOf(dan);
  const { client } = devnet;
  wallet.sending = async (signed) => {
    const price = await client.getGasPrice();
    await client.setAutomine(false);
    const [slow, fast] = [await signed(price), await signed(price * 1000n)];
    const hash = await client.sendRawTransaction({ serializedTransaction: slow });
    // Too dear for the first of them, so that no block takes it.
    await client.setNextBlockBaseFeePerGas({ baseFeePerGas: price * 100n });
    setTimeout(() => void client.sendRawTransaction({ serializedTransaction: fast }), 6000);
    return hash;
  };
  const { page, close } = await visit(browser, devnet, { sales: [quick], wallet });
  await go(page, devnet, "sale");
  await connect(page);
  await order(page, 1);
  await says(page, /^Sent. It waits for a block/);
  await says(page, /^Done, in block/);
  await says(page, /You sped it up/);
  await client.setAutomine(true);
  await close();
});

test("an index that is behind says so, and what that does not touch", async () => {
  const { page, close } = await visit(browser, devnet, { sales: [sale] });
  await page.route("**/ready", (route) =>
    route.fulfill({ status: 503, json: { ready: false, indexed_block: 7, head_block: 47, behind: 40 } }),
  );
  await go(page, devnet, "");
  await says(page, "The index is 40 blocks behind the chain.");
  await close();
});

test("a sale that is not listed here is not shown", async () => {
  const { page, close } = await visit(browser, devnet, { sales: [sale] });
  await go(page, devnet, `sale/${failing.address}`);
  await says(page, "This page does not know a sale at that address.");
  await close();
});

test("a failed sale gives everything back", async () => {
  const wallet = walletOf(cleo);
  const had = await devnet.tokenBalance(cleo.address);
  await withWallet(wallet, async (page) => {
    await go(page, devnet, `sale/${failing.address}`);
    await connect(page);
    await payIn(page, "aUSD");
    await order(page, 2);
    await says(page, /^Done, in block/);
    assert.equal(had - (await devnet.tokenBalance(cleo.address)), 2n * PRICE);
    await devnet.passTime(3 * DAY);
    await says(page, "The sale failed: fewer were sold than it needed.");
    await go(page, devnet, "nodes");
    await page.getByRole("button", { name: "Return 2 licences" }).click();
    await says(page, "What they cost lies in your ledger account, below.");
    await page.getByRole("button", { name: "Withdraw to wallet" }).click();
    await says(page, "It is in your wallet.");
  });
  assert.equal(await devnet.tokenBalance(cleo.address), had);
});

const SCREENSHOTS = "screenshots";

async function everyPage(): Promise<[string, string][]> {
  const get = async (path: string) => (await fetch(`${devnet.report.indexer}/v1/${path}`)).json();
  const { batch_id: batch, order_id: placed, provider } = (await get("batches")).items[0];
  const model = (await get("models")).items[0].model_id;
  const lists = ["orders", "batches", "disputes", "models", "providers", "validators", "events"];
  return [
    ["network", ""],
    ["sale", `sale/${sale.address}`],
    ["failed-sale", `sale/${failing.address}`],
    ["nodes", "nodes"],
    ["order", `orders/${placed}`],
    ["batch", `batches/${batch}`],
    ["task", `batches/${batch}/0`],
    ["dispute", `disputes/${DISPUTE.dispute_id}`],
    ["model", `models/${model}`],
    ["account", `accounts/${provider}`],
    ...lists.map((name): [string, string] => [name, name]),
    ["missing", "nowhere"],
  ];
}

/** What the API answers about a dispute: honest parties have none. */
const DISPUTE = {
  dispute_id: `0x${"d1".repeat(32)}`,
  status: "won",
  challenger: bob.address,
  bond: "1000000",
  batch_id: `0x${"bc".repeat(32)}`,
  task_index: 1,
  provider: ada.address,
  moved_at: 1_800_000_000,
  operator: 4,
  row: 2,
  moves: 2,
  proven: true,
  bond_to: bob.address,
  history: ["sealed", "opened", "operator_named", "proven"].map((name, number) => ({
    number,
    name,
    position: `${100 + number}-0`,
    moved_at: 1_800_000_000 + number,
    transaction_hash: `0x${"7a".repeat(32)}`,
  })),
};

/** Light and dark differ in colours alone, so that one of each size shows both. */
const VIEWS: Record<string, View> = { desktop: DESKTOP, "phone-dark": { wide: false, dark: true } };

for (const [name, view] of Object.entries(VIEWS)) {
  test(`every page is accessible and fits: ${name}`, async () => {
    mkdirSync(SCREENSHOTS, { recursive: true });
    const { page, close } = await visit(browser, devnet, { sales: [failing, sale], wallet: walletOf(ada), view });
    await page.route(`**/v1/disputes/${DISPUTE.dispute_id}`, (route) => route.fulfill({ json: DISPUTE }));
    await go(page, devnet, "nodes");
    await connect(page);
    for (const [title, path] of await everyPage()) {
      await go(page, devnet, path);
      await page.locator(".loading").first().waitFor({ state: "detached" });
      await page.screenshot({ path: join(SCREENSHOTS, `${title}-${name}.png`), fullPage: true });
      assert.deepEqual(await violations(page), [], `${title}, ${name}`);
      const spill = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(spill <= 0, `${title}, ${name}: ${spill} pixels too wide`);
    }
    await close();
  });
}

test("a block that is reorganised away takes the purchase with it", async () => {
  const wallet = walletOf(dan);
  await withWallet(wallet, async (page) => {
    await go(page, devnet, `sale/${sale.address}`);
    await connect(page);
    await order(page, 1);
    await says(page, /^Done, in block/);
    const head = await devnet.client.getBlockNumber({ cacheTime: 0 });
    const { blockNumber } = await devnet.client.getTransactionReceipt({ hash: await lastTransaction(page) });
    await devnet.client.request({ method: "anvil_rollback", params: [Number(head - blockNumber) + 1] } as never);
    await says(page, /^The chain was reorganised: block .* is gone/);
  });
});
