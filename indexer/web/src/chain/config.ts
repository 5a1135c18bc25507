/** The chain of the deployment, and how it is read and written to. */
import { createContext, use } from "react";
import { type Chain, defineChain } from "viem";
import { createConfig, http, injected, unstable_connector } from "wagmi";
import type { Deployment } from "../api/types";
import { walletConnect } from "./walletconnect";

const NAMES: Record<number, string> = {
  1: "Ethereum",
  10: "Optimism",
  8453: "Base",
  31337: "Assay devnet",
  42161: "Arbitrum One",
};

export const chainOf = (deployment: Deployment): Chain =>
  defineChain({
    id: deployment.chain_id,
    name: NAMES[deployment.chain_id] ?? `Chain ${deployment.chain_id}`,
    nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
    rpcUrls: { default: { http: deployment.rpc_url ? [deployment.rpc_url] : [] } },
  });

/** Wallets announce themselves (EIP-6963), or are elsewhere and come through a relay. Without a public endpoint the chain is read through the connected one. */
export function configOf(deployment: Deployment) {
  const chain = chainOf(deployment);
  const transport = deployment.rpc_url ? http(deployment.rpc_url, { batch: true }) : unstable_connector(injected);
  const connectors = deployment.walletconnect ? [walletConnect(deployment.walletconnect)] : [];
  return createConfig({ chains: [chain], connectors, transports: { [chain.id]: transport }, pollingInterval: 1000 });
}

const DeploymentContext = createContext<Deployment | null>(null);
export const DeploymentProvider = DeploymentContext.Provider;

export function useDeployment(): Deployment {
  const deployment = use(DeploymentContext);
  if (!deployment) throw new Error("no deployment above this component");
  return deployment;
}
