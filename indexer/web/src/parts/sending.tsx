/** How a transaction stands. */
import type { ReactNode } from "react";
import type { Sending } from "../chain/transaction";
import { integer } from "../lib/format";
import { Notice } from "./layout";
import { Hash } from "./values";

const SPED_UP = "You sped it up: the wallet's new transaction does the same.";

export function SendingNotice({ of, done }: { of: Sending; done: ReactNode }) {
  switch (of.state) {
    case "idle":
      return null;
    case "preparing":
      return <Notice tone="info" title="Trying it on the chain's present state." />;
    case "asking":
      return (
        <Notice tone="info" title="Your wallet asks you.">
          {of.what}
        </Notice>
      );
    case "pending":
      return (
        <Notice tone="info" title="Sent. It waits for a block.">
          <p>
            Transaction <Hash of={of.hash} />. {of.replaced && SPED_UP} It is not done yet: it may still fail, or be
            overtaken.
          </p>
        </Notice>
      );
    case "confirmed":
      return (
        <Notice tone="good" title={<>Done, in block {integer(of.receipt.blockNumber)}.</>}>
          {of.replaced && <p>{SPED_UP}</p>}
          {done}
          <p className="dim">
            Transaction <Hash of={of.hash} />
          </p>
        </Notice>
      );
    case "reorganised":
      return (
        <Notice tone="bad" title={`The chain was reorganised: block ${integer(of.block)}, which held it, is gone.`}>
          It waits again, and will most likely come into another block. Until it does, it has not happened.
        </Notice>
      );
    case "failed":
      return (
        <Notice tone="bad" title={of.trouble.what}>
          {of.trouble.advice}
          {of.hash && (
            <p className="dim">
              Transaction <Hash of={of.hash} />
            </p>
          )}
        </Notice>
      );
  }
}
