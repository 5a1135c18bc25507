// Writes src/chain/abi.gen.ts, the parts of contracts/abi that the page uses, as constants whose types viem reads.
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const abiOf = (name) =>
  JSON.parse(readFileSync(new URL(`../../../contracts/abi/${name}.json`, import.meta.url), "utf8")).abi;
const only = (abi, ...types) => abi.filter((entry) => types.includes(entry.type));

/** What a purchase may fail with: the sale's own errors, and those of what it calls. */
function withErrors(abi, ...others) {
  const known = new Set(only(abi, "error").map((entry) => entry.name));
  const more = others
    .flatMap((name) => only(abiOf(name), "error"))
    .filter(({ name }) => !known.has(name) && known.add(name));
  return [...abi, ...more];
}

const parts = {
  nodeSaleAbi: withErrors(only(abiOf("NodeSale"), "function", "event", "error"), "NodeLicense", "DevToken", "Ledger"),
  ledgerAbi: abiOf("Ledger").filter(
    ({ name, type }) => type === "error" || name === "withdraw" || name === "balanceOf",
  ),
  nodeLicenseAbi: only(abiOf("NodeLicense"), "function", "event", "error"),
  licenseStakingAbi: abiOf("LicenseStaking").filter(
    ({ name, type }) =>
      type === "error" || ["delegate", "undelegate", "setKey", "delegationOf", "numberOf"].includes(name),
  ),
  epochRewardsAbi: abiOf("EpochRewards").filter(
    ({ name, type }) => type === "error" || ["claim", "collect"].includes(name),
  ),
};
const text = Object.entries(parts).map(([name, abi]) => `export const ${name} = ${JSON.stringify(abi)} as const;\n`);
const content = `// Written by build/abi.mjs from contracts/abi.\n${text.join("")}`;
const out = new URL("../src/chain/abi.gen.ts", import.meta.url);
if (!existsSync(out) || readFileSync(out, "utf8") !== content) writeFileSync(out, content);
