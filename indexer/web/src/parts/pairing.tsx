/** The code by which a wallet on another device finds this page. */
import { useState } from "react";
import { encode } from "uqr";

/** Modules of white around it, without which scanners do not find it. */
const QUIET = 4;

export function Pairing({ uri }: { uri: string }) {
  const [copied, setCopied] = useState(false);
  const { data, size } = encode(uri, { border: QUIET });
  const dark = data.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : [])));
  const copy = () => navigator.clipboard.writeText(uri).then(() => setCopied(true));
  return (
    <div className="pairing">
      <p>Scan this with your wallet, then answer there. It is good for five minutes, and for one wallet.</p>
      <svg viewBox={`0 0 ${size} ${size}`} role="img" aria-label="Code to be scanned with a wallet">
        <path className="paper" d={`M0 0h${size}v${size}h-${size}z`} />
        <path className="ink" d={dark.join("")} />
      </svg>
      <p className="list">
        <button type="button" onClick={() => void copy()}>
          {copied ? "Copied" : "Copy the code"}
        </button>
        <a href={uri}>Open a wallet on this device</a>
      </p>
    </div>
  );
}
