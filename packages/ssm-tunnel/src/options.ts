import type { SSMClientConfig } from '@aws-sdk/client-ssm';

/** Managed nodes that have all of these tags. */
export interface TargetTags {
  readonly tags: Readonly<Record<string, string>>;
}

/** How many sessions a tunnel holds. Each carries any number of streams; more sessions download faster. */
export interface SessionPoolOptions {
  /**
   * Sessions held while nothing is open. Default 1. With 0 a session that ends while nothing is open is not
   * replaced until something connects, and one that is not used for `idleMs` is ended.
   */
  min?: number;
  /**
   * Sessions held at most, 1 to 64. Default 1. An agent sends less than 1 MB/s in one session, so bulk downloads
   * over several streams gain from 2 to 8; a suite of small queries does not.
   */
  max?: number;
  /** A session above `min` that carried no stream for so long is ended. Default 60,000. */
  idleMs?: number;
}

export interface TunnelOptions {
  /**
   * The managed node: `i-…`, `mi-…` or `ecs:<cluster>_<task>_<runtime id>`. Of a list, the first that is connected.
   * With `{ tags }` those are looked up that are online and have all the tags, each time that a session starts:
   * that needs `ssm:DescribeInstanceInformation`, which IAM can only allow for all nodes.
   */
  target: string | readonly string[] | TargetTags;
  /** Where the agent connects, 1 to 65535. Required, unless there is a `document`, which decides itself. */
  remotePort?: number;
  /** Resolved by the agent, once for each session. Default: the node itself. */
  remoteHost?: string;
  /**
   * A session document of your own (type `Port`) instead of the ones AWS owns, or `AWS-StartSSHSession`. It decides
   * on host and port: `remoteHost` and `remotePort` beside it have no effect, its `parameters` may. Without the
   * property `type: LocalPortForwarding` each of its sessions carries one connection and ends with it.
   */
  document?: { name: string; parameters?: Readonly<Record<string, string>> };
  /** Default: what the AWS SDK finds. */
  region?: string;
  /** Overrides the endpoint of the SSM API, for VPC endpoints and simulators. Default: what the AWS SDK finds. */
  endpoint?: string;
  /**
   * `wss://host[:port]` in place of scheme and host of the stream URL that StartSession returns: for a VPC endpoint
   * of `ssmmessages` without private DNS. Default: the URL as it is.
   */
  streamEndpoint?: string;
  /** Default: what the AWS SDK finds (`AWS_USE_FIPS_ENDPOINT`, shared configuration). */
  useFipsEndpoint?: boolean;
  /**
   * URL of an HTTP proxy for API and data channel; `false` for none. Default: `HTTPS_PROXY` unless `NO_PROXY` names
   * the host, and none for addresses of this machine.
   */
  proxy?: string | false;
  /** Default: the AWS SDK's provider chain. Asked anew for each resume, so that rotated credentials are used. */
  credentials?: TunnelCredentials;
  /** Shown in the session's history at AWS, 1 to 200 characters, followed by a mark of this process. Default `postern`. */
  reason?: string;
  /** From the opened WebSocket to the end of the agent's handshake. Default 30,000; the agent's own limit is 15,000. */
  handshakeTimeoutMs?: number;
  /** For each API call and for the WebSocket upgrade. Default 15,000. */
  connectTimeoutMs?: number;
  /** Default 25,000: the service has to see traffic, and a link without an answer to a ping by the next one is dead. */
  pingIntervalMs?: number;
  /**
   * A data message this often keeps the service from ending an idle session; 0 for never. An administrator's idle
   * timeout is meant to end it, so the default is to send none, but for agents up to 3.1.1511.0, whose own end of the
   * session dies of silence: 10,000.
   */
  keepAliveIntervalMs?: number;
  /**
   * How long a stream waits for the other side after its local end. Half-close cannot cross a session, so the
   * end is held back for the answer to arrive; a server that waits for it needs 0. Restarts with each byte
   * received. Default 30,000.
   */
  halfCloseLingerMs?: number;
  /** What one stream may hold for a slow reader before it is reset. Default 16 MiB. */
  streamBufferBytes?: number;
  /**
   * Bytes in one upload message, 64 to 65,536. Default 1,024, as official clients send. Larger ones cost less time for
   * each byte; which sizes the service relays is not documented, others were seen to send 32 KiB.
   */
  uploadPayloadBytes?: number;
  sessions?: SessionPoolOptions;
  /**
   * How long the tunnel tries to get back to a working session before it closes with `SSM_RECONNECT_TIMEOUT`.
   * Default 600,000. Streams wait meanwhile.
   */
  reconnectTimeoutMs?: number;
  /** A session whose agent acknowledges nothing for so long is replaced. Default 300,000, as the official client. */
  ackTimeoutMs?: number;
  /** Cancels opening. A tunnel that is open is not affected. */
  signal?: AbortSignal;
}

export type TunnelCredentials = NonNullable<SSMClientConfig['credentials']>;

/** Complete and checked. */
export interface ResolvedOptions {
  /** The nodes to try, in this order; undefined: look for `tags`. */
  readonly candidates: readonly string[] | undefined;
  readonly tags: Readonly<Record<string, string>> | undefined;
  readonly documentName: string;
  readonly parameters: Readonly<Record<string, string[]>>;
  /** For messages: where the session leads. */
  readonly destination: string;
  readonly region: string | undefined;
  readonly endpoint: string | undefined;
  readonly streamEndpoint: string | undefined;
  readonly useFipsEndpoint: boolean | undefined;
  readonly proxy: string | false | undefined;
  readonly credentials: TunnelCredentials | undefined;
  readonly reason: string;
  readonly handshakeTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly pingIntervalMs: number;
  readonly keepAliveIntervalMs: number | undefined;
  readonly halfCloseLingerMs: number;
  readonly streamBufferBytes: number;
  readonly uploadPayloadBytes: number;
  readonly sessions: Readonly<Required<SessionPoolOptions>>;
  readonly reconnectTimeoutMs: number;
  readonly ackTimeoutMs: number;
}
