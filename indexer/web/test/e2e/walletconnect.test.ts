/** A wallet on another device, through a relay: all that the page and a wallet say to each other is real, but for where the relay stands. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { buyButton, DESKTOP, go, launch, order, payIn, says, shownCost, type View, violations, visit } from "./browser";
import { account, Devnet, type SaleRecord } from "./devnet";
import { Relay } from "./relay";
import { RelayedWallet } from "./relayed-wallet";
import { Wallet } from "./wallet";

const PROJECT = "a0b1c2d3e4f5061728394a5b6c7d8e9f";
const [ada, bob] = [account(10), account(11)];
const FUNDS = 100_000_000_000n;
const SCREENSHOTS = "screenshots";

let relay: Relay;
let devnet: Devnet;
let browser: Browser;
let sale: SaleRecord;
const phones: RelayedWallet[] = [];

before(
  async () => {
    relay = await Relay.start();
    const settings = {
      ASSAY_INDEXER__WALLETCONNECT_PROJECT_ID: PROJECT,
      ASSAY_INDEXER__WALLETCONNECT_RELAY_URL: relay.url,
    };
    [devnet, browser] = await Promise.all([Devnet.start(settings), launch()]);
    for (const { address } of [ada, bob]) await devnet.fund(address, FUNDS);
    sale = await devnet.sell({ name: "Relayed Node" });
  },
  { timeout: 300_000 },
);

after(async () => {
  await browser?.close();
  await devnet?.stop();
  for (const phone of phones) await phone.stop();
  await relay?.stop();
});

async function phoneOf(person = ada) {
  const wallet = new Wallet(devnet.client, person);
  const phone = await RelayedWallet.start(relay.url, PROJECT, wallet);
  phones.push(phone);
  return { wallet, phone };
}

async function opened(view: View = DESKTOP) {
  const visited = await visit(browser, devnet, { sales: [sale], relay: relay.url, view });
  await go(visited.page, devnet, `sale/${sale.address}`);
  return visited;
}

/** Chooses the relay, and reads the code that a phone would scan. */
async function codeOf(page: Page): Promise<string> {
  await page.getByRole("button", { name: "Connect wallet" }).click();
  await page.getByRole("button", { name: "WalletConnect" }).click();
  return codeShown(page);
}

async function codeShown(page: Page): Promise<string> {
  const uri = await page.getByRole("link", { name: "Open a wallet on this device" }).getAttribute("href");
  return uri as string;
}

async function pair(page: Page, phone: RelayedWallet): Promise<void> {
  await phone.pair(await codeOf(page));
  await page.getByRole("dialog").waitFor({ state: "hidden" });
}

test("a wallet on a phone scans, buys, declines, comes back, and leaves", { timeout: 120_000 }, async () => {
  const { page, close } = await opened();
  const { wallet, phone } = await phoneOf();
  const had = await devnet.tokenBalance(ada.address);
  await pair(page, phone);
  assert.equal(phone.peer, devnet.report.indexer);
  await payIn(page, "aUSD");
  await page.getByLabel("Licences", { exact: true }).fill("2");
  const cost = await shownCost(page, 6);
  await buyButton(page).click();
  await says(page, /^Done, in block/);
  assert.equal(had - (await devnet.tokenBalance(ada.address)), cost);
  assert.deepEqual(wallet.asked, ["eth_requestAccounts", "eth_signTypedData_v4", "eth_sendTransaction"]);

  wallet.next = "decline";
  await order(page, 1);
  await says(page, "You declined in your wallet.");
  await says(page, "Nothing was sent, and nothing was paid.");
  assert.equal(had - (await devnet.tokenBalance(ada.address)), cost);

  await page.reload();
  await page.getByRole("button", { name: /^0x/ }).waitFor();
  await order(page, 1);
  await says(page, /^Done, in block/);

  await phone.disconnect();
  await says(page, "Your wallet is locked, or disconnected from this page.");
  await page.getByRole("button", { name: "Connect wallet" }).waitFor();
  const told = relay.heard.join("\n").toLowerCase();
  for (const secret of [sale.address, ada.address, "eth_sendtransaction"])
    assert.ok(told !== "" && !told.includes(secret.toLowerCase()), `the page told the relay ${secret}`);
  await close();
});

test("the page ends the session at the phone too, and is not connected when it is opened again", {
  timeout: 60_000,
}, async () => {
  const { page, close } = await opened();
  const { phone } = await phoneOf();
  await pair(page, phone);
  await page.getByRole("button", { name: /^0x/ }).click();
  await page.getByRole("button", { name: "Disconnect" }).click();
  await page.getByRole("button", { name: "Connect wallet" }).waitFor();
  while (phone.ended === 0) await page.waitForTimeout(100);
  await page.reload();
  await page.getByRole("button", { name: "Connect wallet" }).waitFor();
  await close();
});

test("a phone that refuses is heard, and another may be tried", async () => {
  const { page, close } = await opened();
  const refusing = await phoneOf();
  refusing.wallet.next = "decline";
  await refusing.phone.pair(await codeOf(page));
  await says(page, "You declined in your wallet.");
  await page.getByRole("button", { name: "WalletConnect" }).click();
  const { phone } = await phoneOf(bob);
  await phone.pair(await codeShown(page));
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  await close();
});

test("nothing is loaded and nobody asked before the relay is chosen", async () => {
  const { page, close } = await opened();
  const after: string[] = [];
  let sockets = 0;
  page.on("request", (request) => after.push(request.url()));
  page.on("websocket", () => sockets++);
  await page.reload();
  await says(page, "Open to everybody");
  await page.getByRole("button", { name: "Connect wallet" }).click();
  const before = after.filter((url) => url.includes("/assets/")).length;
  assert.equal(sockets, 0);
  await page.getByRole("button", { name: "WalletConnect" }).click();
  await codeShown(page);
  assert.equal(sockets, 1);
  assert.ok(after.filter((url) => url.includes("/assets/")).length > before, "its code is loaded when it is chosen");
  await page.getByRole("button", { name: "Another wallet" }).click();
  await page.getByRole("button", { name: "WalletConnect" }).waitFor();
  await close();
});

test("a code that nobody uses expires, and so does a request; neither is called a refusal", async () => {
  // The library leaves them lying besides.
  const thrown = ["threw Proposal expired", "threw Request expired. Please try again."];
  const { page, close } = await visit(browser, devnet, { sales: [sale], relay: relay.url, thrown });
  await page.clock.install();
  await go(page, devnet, `sale/${sale.address}`);
  await codeOf(page);
  await page.clock.fastForward("05:05");
  await says(page, "Nobody answered within five minutes: the code is void.");
  await page.getByRole("button", { name: "WalletConnect" }).click();
  const { phone } = await phoneOf(bob);
  await phone.pair(await codeShown(page));
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  phone.silent = true;
  await order(page, 1);
  await says(page, "Confirm the purchase.");
  await page.clock.fastForward("05:05");
  await says(page, "Your wallet did not answer within five minutes.");
  await says(page, /^It may still send this/);
  await close();
});

const VIEWS: Record<string, View> = { desktop: DESKTOP, "phone-dark": { wide: false, dark: true } };

for (const [name, view] of Object.entries(VIEWS)) {
  test(`the code is accessible and fits: ${name}`, async () => {
    mkdirSync(SCREENSHOTS, { recursive: true });
    const { page, close } = await opened(view);
    await codeOf(page);
    await page.screenshot({ path: join(SCREENSHOTS, `walletconnect-${name}.png`) });
    assert.deepEqual(await violations(page), []);
    await close();
  });
}

// The last, for it takes the relay away.
test("a relay that cannot be reached is named", { timeout: 60_000 }, async () => {
  const { page, close } = await opened();
  const { host } = new URL(relay.url);
  await relay.stop();
  await page.getByRole("button", { name: "Connect wallet" }).click();
  await page.getByRole("button", { name: "WalletConnect" }).click();
  await says(page, `The relay at ${host} cannot be reached, or refuses this page.`);
  await close();
});
