/** The wallet: connecting, and everything that may be wrong with it, in plain words. */
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { type Connector, useConnect, useConnection, useConnectors, useDisconnect, useSwitchChain } from "wagmi";
import { useDeployment } from "../chain/config";
import { explain } from "../chain/errors";
import { WALLETCONNECT } from "../chain/walletconnect";
import { short } from "../lib/format";
import { Loading, Notice } from "./layout";

const Pairing = lazy(() => import("./pairing").then(({ Pairing }) => ({ default: Pairing })));

/** Whether the user disconnects here, which is no trouble. */
let leaving = false;

/** The code that the relay's connector shows while it waits for a wallet. */
function usePairingCode(connectors: readonly Connector[]): string | undefined {
  const [code, setCode] = useState<string>();
  const relayed = connectors.find(({ id }) => id === WALLETCONNECT);
  useEffect(() => {
    const heard = ({ type, data }: { type: string; data?: unknown }) =>
      setCode(type === "display_uri" ? String(data) : undefined);
    relayed?.emitter.on("message", heard);
    return () => relayed?.emitter.off("message", heard);
  }, [relayed]);
  return code;
}

/** Wallets that announced themselves, each with its own icon; last the way to those elsewhere. */
function WalletChoice({ done }: { done: () => void }) {
  const all = useConnectors();
  const connectors = [...all].sort((a, b) => Number(a.id === WALLETCONNECT) - Number(b.id === WALLETCONNECT));
  const code = usePairingCode(all);
  const { chain_id: chainId } = useDeployment();
  const connect = useConnect({ mutation: { onSuccess: done } });
  const chosen = connect.variables?.connector;
  const isRelayed = typeof chosen === "object" && chosen.id === WALLETCONNECT;
  if (connectors.length === 0) {
    return (
      <Notice tone="info" title="No wallet was found in this browser.">
        Install a wallet extension, or open this page in your wallet's own browser, then reload.
      </Notice>
    );
  }
  return (
    <>
      <ul className="wallets" hidden={connect.isPending && isRelayed}>
        {connectors.map((connector) => (
          <li key={connector.uid}>
            <button type="button" disabled={connect.isPending} onClick={() => connect.mutate({ connector, chainId })}>
              {connector.icon && <img src={connector.icon.trim()} alt="" width="24" height="24" />}
              {connector.name}
            </button>
          </li>
        ))}
      </ul>
      {connect.isPending && !isRelayed && <p role="status">Answer in your wallet.</p>}
      {connect.isPending && isRelayed && (
        <>
          <Suspense fallback={<Loading />}>{code ? <Pairing key={code} uri={code} /> : <Loading />}</Suspense>
          <button type="button" onClick={connect.reset}>
            Another wallet
          </button>
        </>
      )}
      {connect.error && <Explained error={connect.error} />}
    </>
  );
}

function Explained({ error }: { error: unknown }) {
  const { what, advice } = explain(error);
  return (
    <Notice tone="bad" title={what}>
      {advice}
    </Notice>
  );
}

export function WalletButton() {
  const { address, status } = useConnection();
  const disconnect = useDisconnect();
  const dialog = useRef<HTMLDialogElement>(null);
  const open = () => dialog.current?.showModal();
  const close = () => dialog.current?.close();
  return (
    <>
      <button type="button" className={address ? "wallet" : "wallet primary"} onClick={open}>
        {address ? (
          <span className="mono">{short(address)}</span>
        ) : status === "reconnecting" ? (
          "Connecting…"
        ) : (
          "Connect wallet"
        )}
      </button>
      <dialog ref={dialog} aria-label="Wallet">
        <div className="dialog">
          <h2>{address ? "Your wallet" : "Connect a wallet"}</h2>
          {address ? (
            <>
              <p className="mono wrap">{address}</p>
              <button
                type="button"
                onClick={() => {
                  leaving = true;
                  disconnect.mutate();
                  close();
                }}
              >
                Disconnect
              </button>
            </>
          ) : (
            <WalletChoice done={close} />
          )}
          <button type="button" className="quiet" onClick={close}>
            Close
          </button>
        </div>
      </dialog>
    </>
  );
}

/** Says what hinders the wallet, wherever the page is. */
export function WalletTrouble() {
  const { address, chainId, status, chain } = useConnection();
  const { chain_id: wanted } = useDeployment();
  const change = useAccountChange(status === "connected" ? address : undefined, status);
  if (status === "connected" && chainId !== wanted) return <WrongNetwork now={chain?.name ?? `chain ${chainId}`} />;
  if (change === "gone") {
    return (
      <Notice tone="bad" title="Your wallet is locked, or disconnected from this page.">
        Unlock it and connect again. Nothing is sent without it.
      </Notice>
    );
  }
  return change ? (
    <Notice tone="info" title={`Your wallet has changed to the account ${short(change)}.`}>
      Everything below is about that account now.
    </Notice>
  ) : null;
}

/** The account that another one was changed for while the page was open; `gone` when the wallet took it away. */
function useAccountChange(address: string | undefined, status: string): string | undefined {
  const before = useRef<string>(undefined);
  const [change, setChange] = useState<string>();
  useEffect(() => {
    if (address) {
      if (before.current && before.current !== address) setChange(address);
      else if (!before.current) setChange(undefined);
      before.current = address;
    } else if (status === "disconnected" && before.current) {
      before.current = undefined;
      setChange(leaving ? undefined : "gone");
      leaving = false;
    }
  }, [address, status]);
  return change;
}

function WrongNetwork({ now }: { now: string }) {
  const deployment = useDeployment();
  const change = useSwitchChain();
  const wanted = change.chains[0]?.name ?? `chain ${deployment.chain_id}`;
  return (
    <Notice tone="bad" title={`Your wallet is on ${now}; this page is about ${wanted}.`}>
      <p>Nothing can be bought or changed until it is on the same network.</p>
      <button type="button" disabled={change.isPending} onClick={() => change.mutate({ chainId: deployment.chain_id })}>
        {change.isPending ? "Answer in your wallet" : `Switch to ${wanted}`}
      </button>
      {change.error && <Explained error={change.error} />}
    </Notice>
  );
}
