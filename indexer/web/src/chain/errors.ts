/** What went wrong, in plain words. */
import {
  BaseError,
  type ContractFunctionRevertedError,
  InsufficientFundsError,
  ResourceUnavailableRpcError,
  ContractFunctionRevertedError as Reverted,
  UnauthorizedProviderError,
  UserRejectedRequestError,
} from "viem";
import { count, dateTime, integer, share } from "../lib/format";

export interface Trouble {
  what: string;
  advice: string;
  /** Nobody knows whether what was asked for happens. */
  open?: boolean;
}

/** An error that says itself what is to be told, however libraries wrap it. */
export class Told extends Error {
  readonly trouble: Trouble;
  constructor(trouble: Trouble) {
    super(trouble.what);
    this.trouble = trouble;
  }
}

const NOTHING_SENT = "Nothing was sent, and nothing was paid.";

type Arguments = readonly unknown[];
const number = (value: unknown) => Number(value);

/** The contracts' own errors. */
const REVERTS: Record<string, (args: Arguments) => Trouble> = {
  NodeSale_SoldOut: ([left, wanted]) => ({
    what:
      number(left) === 0
        ? "They are sold out: the last ones went while you were here."
        : `Only ${count(number(left), "licence")} left, and you wanted ${integer(String(wanted))}.`,
    advice: NOTHING_SENT,
  }),
  NodeSale_TooDear: () => ({
    what: "Somebody bought first, and the price has gone up past the most you agreed to pay.",
    advice: `${NOTHING_SENT} The new price is shown above.`,
  }),
  NodeSale_OverCap: ([tier, cap]) => ({
    what: `One buyer may have ${count(number(cap), "licence")} of tier ${number(tier) + 1}, and you would have more.`,
    advice: "Choose fewer, or another tier.",
  }),
  NodeSale_NotAllowed: () => ({
    what: "This account is not on the seller's list with that allocation.",
    advice: "Connect the account that you registered, or wait for the public phase.",
  }),
  NodeSale_OverAllocation: ([allocation, bought]) => ({
    what: `The list gives you ${count(number(allocation), "licence")}, and you would have ${integer(String(bought))}.`,
    advice: "Choose fewer, or wait for the public phase.",
  }),
  NodeSale_Closed: () => ({ what: "Nothing is sold at this time.", advice: "The phases above say when." }),
  NodeSale_TierNotOnSale: ([tier]) => ({
    what: `Tier ${number(tier) + 1} is not on sale: the one before it is not sold out.`,
    advice: "Choose the tier that is.",
  }),
  NodeSale_NotForToken: () => ({ what: "This tier is not sold for that token.", advice: "Choose another token." }),
  NodeSale_BadPromo: () => ({ what: "The promo code is not one of this sale's.", advice: "Check it, or buy without." }),
  NodeSale_PromoUsedUp: ([, left]) => ({
    what: `The promo code is good for ${integer(String(left))} more licences.`,
    advice: "Choose fewer, or buy without it.",
  }),
  NodeSale_BadReferrer: () => ({
    what: "Nobody can refer themselves, and neither can the seller.",
    advice: "Remove the referrer, or name another.",
  }),
  NodeSale_NoBuyback: () => ({
    what: "The seller does not take these licences back.",
    advice: "They were bought without that right, or its time is over.",
  }),
  NodeSale_WrongOutcome: ([actual]) => ({
    what: ["The sale is still open.", "The sale has succeeded.", "The sale has failed."][number(actual)] ?? "",
    advice: "This cannot be done as the sale stands.",
  }),
  NodeSale_NothingDue: () => ({ what: "There is nothing to pay out now.", advice: "Look again later." }),
  NodeSale_NotTheOwner: ([id]) => ({ what: `Licence ${id} is not yours.`, advice: "Connect its owner's account." }),
  NodeLicense_Locked: ([at]) => ({
    what: `Licences change hands from ${dateTime(number(at))} on, not before.`,
    advice: "No one can move that date.",
  }),
  LicenseStaking_BadRate: ([rate]) => ({
    what: `The operator changed what it keeps; it is no longer ${share(number(rate))}.`,
    advice: "Look at its offer again.",
  }),
  LicenseStaking_OverCap: ([operator, cap]) => ({
    what: `Operator ${operator} takes on ${count(number(cap), "licence")} at most.`,
    advice: "Choose another operator.",
  }),
  LicenseStaking_Delegated: () => ({
    what: "The licence is delegated already.",
    advice: "End that first.",
  }),
  LicenseStaking_NotDelegated: () => ({ what: "The licence is not delegated.", advice: NOTHING_SENT }),
  LicenseStaking_Thawing: ([, freeAt]) => ({
    what: `The licence rests until epoch ${number(freeAt)}, because you ended a delegation.`,
    advice: "It can be delegated in the epoch before that one.",
  }),
  LicenseStaking_NotTheOwner: ([id]) => ({
    what: `Licence ${id} is not yours.`,
    advice: "Connect its owner's account.",
  }),
  EpochRewards_NothingDue: () => ({ what: "There is nothing to pay out now.", advice: "Look again later." }),
  EpochRewards_NotYours: ([of]) => ({
    what: `What number ${of} earned is not yours.`,
    advice: "Connect its owner's account.",
  }),
  EpochRoots_BadProof: () => ({
    what: "The proof does not lead to the root of the epoch.",
    advice: `${NOTHING_SENT} The page may be old: load it again.`,
  }),
  ERC20InsufficientBalance: () => ({ what: "Your wallet does not hold enough of the token.", advice: NOTHING_SENT }),
  ERC20InsufficientAllowance: () => ({
    what: "The sale may not take enough of the token from your wallet.",
    advice: "Approve the amount again.",
  }),
};

/** The chain refused what would have been, or was, sent. */
function reverted(error: ContractFunctionRevertedError): Trouble {
  const known = REVERTS[error.data?.errorName ?? ""];
  if (known) return known(error.data?.args ?? []);
  const name = error.data?.errorName ?? error.reason ?? error.signature;
  return { what: `The contract refused${name ? `: ${name}` : ""}.`, advice: NOTHING_SENT };
}

/** An error and what it wraps, outermost first. */
function layers(error: unknown): object[] {
  const found: object[] = [];
  for (let at = error; at && typeof at === "object"; at = (at as { cause?: unknown }).cause) found.push(at);
  return found;
}

/** A wallet's error by its number, whichever class it came in. */
const code = (error: unknown): number | undefined =>
  layers(error)
    .map((layer) => (layer as { code?: unknown }).code)
    .find((found) => typeof found === "number");

/** What is said of a purchase that came to nothing although an approval for it is in a block: `stands` says what that allows. */
export const afterApproval = ({ advice, ...trouble }: Trouble, stands: string): Trouble => {
  const rest = advice.replace(NOTHING_SENT, "").trim();
  return { ...trouble, advice: [!trouble.open && "Nothing was bought.", rest, stands].filter(Boolean).join(" ") };
};

export function explain(error: unknown): Trouble {
  const told = layers(error).find((layer) => layer instanceof Told);
  if (told) return told.trouble;
  const number = code(error);
  if (number === UserRejectedRequestError.code) return { what: "You declined in your wallet.", advice: NOTHING_SENT };
  if (number === ResourceUnavailableRpcError.code)
    return { what: "Your wallet already shows a request.", advice: "Open the wallet and answer it, then try again." };
  if (number === UnauthorizedProviderError.code)
    return { what: "Your wallet is locked.", advice: "Unlock it and try again." };
  if (error instanceof BaseError) {
    const revert = error.walk((inner) => inner instanceof Reverted);
    if (revert instanceof Reverted) return reverted(revert);
    const poor = error.walk((inner) => inner instanceof InsufficientFundsError);
    if (poor) return { what: "Your wallet does not hold enough for the cost and the gas.", advice: NOTHING_SENT };
    return { what: error.shortMessage, advice: "Try again. If it lasts, the chain's endpoint may be down." };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { what: message, advice: "Try again." };
}
