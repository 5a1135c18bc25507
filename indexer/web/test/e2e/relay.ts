/** A relay of WalletConnect as its clients use one: it passes on what it cannot read, and keeps what nobody has fetched. */
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";

interface Message {
  topic: string;
  message: string;
  publishedAt: number;
}

interface Call {
  id: number;
  method?: string;
  params: Record<string, string> & { topics?: string[] };
}

export class Relay {
  /** Everything that clients in browsers have sent. */
  readonly heard: string[] = [];
  private readonly server: WebSocketServer;
  private readonly topics = new Map<string, Set<WebSocket>>();
  private readonly kept = new Map<string, Message[]>();
  private sent = 0;

  private constructor(server: WebSocketServer) {
    this.server = server;
    server.on("connection", (client, { headers }) => {
      client.on("message", (data) => {
        if (headers.origin) this.heard.push(String(data));
        this.hear(client, String(data));
      });
      client.on("close", () => {
        for (const listeners of this.topics.values()) listeners.delete(client);
      });
    });
  }

  static async start(): Promise<Relay> {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    await new Promise((listening) => server.once("listening", listening));
    return new Relay(server);
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    for (const client of this.server.clients) client.terminate();
    await new Promise((closed) => this.server.close(closed));
  }

  private hear(client: WebSocket, text: string): void {
    const { id, method, params } = JSON.parse(text) as Call;
    // Without a method it acknowledges a message.
    if (method) client.send(JSON.stringify({ id, jsonrpc: "2.0", result: this.answer(client, method, params) }));
  }

  private answer(client: WebSocket, method: string, params: Call["params"]): unknown {
    const { topic = "", message = "", topics = [], pairingTopic = "", sessionTopic = "" } = params;
    switch (method) {
      case "irn_subscribe":
        return this.subscribe(client, topic);
      case "irn_batchSubscribe":
        return topics.map((each) => this.subscribe(client, each));
      case "irn_unsubscribe":
        return this.topics.get(topic)?.delete(client) ?? true;
      case "irn_fetchMessages":
      case "irn_batchFetchMessages":
        return { messages: [], hasMore: false };
      case "irn_publish":
        return this.publish(client, topic, message);
      case "wc_proposeSession":
        this.listen(client, pairingTopic);
        return this.publish(client, pairingTopic, params.sessionProposal ?? "");
      case "wc_approveSession":
        this.listen(client, sessionTopic);
        this.publish(client, pairingTopic, params.sessionProposalResponse ?? "");
        return this.publish(client, sessionTopic, params.sessionSettlementRequest ?? "");
      default:
        throw new Error(`the relay of the tests does not know ${method}`);
    }
  }

  private subscribe(client: WebSocket, topic: string): string {
    this.listen(client, topic);
    // After the answer, which names the subscription.
    setImmediate(() => {
      for (const message of this.kept.get(topic) ?? []) this.deliver(client, message);
      this.kept.delete(topic);
    });
    return topic;
  }

  private listen(client: WebSocket, topic: string): void {
    this.topics.set(topic, (this.topics.get(topic) ?? new Set()).add(client));
  }

  private publish(from: WebSocket, topic: string, message: string): true {
    const sent: Message = { topic, message, publishedAt: Date.now() };
    const others = [...(this.topics.get(topic) ?? [])].filter((client) => client !== from);
    if (others.length === 0) this.kept.set(topic, [...(this.kept.get(topic) ?? []), sent]);
    for (const client of others) this.deliver(client, sent);
    return true;
  }

  private deliver(client: WebSocket, data: Message): void {
    const params = { id: data.topic, data };
    client.send(JSON.stringify({ id: ++this.sent, jsonrpc: "2.0", method: "irn_subscription", params }));
  }
}
