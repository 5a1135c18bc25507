/** The page in headless Chromium, watched for everything that it must not do. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, chromium, type Page } from "playwright-core";
import type { Hex } from "viem";
import type { Devnet, SaleRecord } from "./devnet";
import type { Wallet } from "./wallet";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const FLAGS =
  "--headless --no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync";

export const launch = (): Promise<Browser> =>
  chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS.split(" ") });

export interface View {
  wide: boolean;
  dark: boolean;
}

export const DESKTOP: View = { wide: true, dark: false };

export interface Visit {
  page: Page;
  /** Closes the page, and fails when it did what it must not. */
  close: () => Promise<void>;
}

interface Seen {
  /** Listed in place of the devnet's own. */
  sales?: SaleRecord[];
  wallet?: Wallet;
  /** The only place, besides the devnet, that the page may speak with. */
  relay?: string;
  /** What it must do, and else must not. */
  thrown?: string[];
  view?: View;
}

/** Opens the page of a devnet that lists `sales`. */
export async function visit(
  browser: Browser,
  devnet: Devnet,
  { sales = [], wallet, relay, thrown = [], view = DESKTOP }: Seen,
): Promise<Visit> {
  const context = await browser.newContext({
    viewport: view.wide ? { width: 1280, height: 900 } : { width: 390, height: 844 },
    colorScheme: view.dark ? "dark" : "light",
    locale: "en-GB",
    timezoneId: "UTC",
  });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const wrong: string[] = [];
  const allowed = [devnet.report.indexer, devnet.report.rpc_url].map((url) => new URL(url).origin);
  page.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol !== "data:" && !allowed.includes(origin)) wrong.push(`asked ${request.url()}`);
  });
  page.on("websocket", (socket) => {
    if (!relay || new URL(socket.url()).origin !== new URL(relay).origin) wrong.push(`opened ${socket.url()}`);
  });
  page.on("pageerror", (error) => wrong.push(`threw ${error.message}`));
  page.on("console", (message) => {
    if (/content security policy|react/i.test(message.text())) wrong.push(message.text());
  });
  await page.route("**/v1/deployment", async (route) => {
    const response = await route.fetch();
    const deployment = await response.json();
    deployment.suite.sales = sales;
    await route.fulfill({ response, json: deployment });
  });
  await wallet?.inject(page);
  const close = async () => {
    await context.close();
    assert.deepEqual(wrong, thrown);
  };
  return { page, close };
}

export async function go(page: Page, devnet: Devnet, path: string): Promise<void> {
  await page.goto(`${devnet.report.indexer}/#/${path}`);
  await page.locator("h1").waitFor();
}

export const says = (page: Page, text: string | RegExp) => page.getByText(text).first().waitFor();

export async function connect(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Connect wallet" }).click();
  await page.getByRole("button", { name: "Test Wallet" }).click();
  await page.getByRole("dialog").waitFor({ state: "hidden" });
}

export const payIn = (page: Page, symbol: string) => page.getByRole("radio", { name: symbol }).check();

export const buyButton = (page: Page) =>
  page.getByRole("button", { name: /^(Buy|Sign and buy|Approve, then buy|Approve anew, then buy)$/ });

export async function order(page: Page, quantity: number): Promise<void> {
  await page.getByLabel("Licences", { exact: true }).fill(String(quantity));
  await buyButton(page).click();
}

/** The sum that the buyer is shown, in the token's smallest part. */
export async function shownCost(page: Page, decimals: number): Promise<bigint> {
  const text = (await page.locator(".total strong").textContent()) ?? "";
  const [whole = "", part = ""] = (text.split("\u00a0")[0] ?? "").replaceAll("\u202f", "").split(".");
  return BigInt(whole + part.padEnd(decimals, "0"));
}

export async function lastTransaction(page: Page): Promise<Hex> {
  return (await page.locator(".notice.good .mono[title^='0x']").last().getAttribute("title")) as Hex;
}

/** Violations of WCAG 2.1 AA and of the best practices that axe knows. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { axe } = window as unknown as { axe: typeof import("axe-core") };
    const found = await axe.run(document);
    return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`);
  });
}
