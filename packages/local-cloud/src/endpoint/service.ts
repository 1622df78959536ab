import type { Caller, RequestContext } from '../iam/index.ts';
import type { XmlValue } from './xml.ts';

/** One authenticated call, as handlers see it. */
export interface ApiCall {
  readonly caller: Caller;
  readonly requestId: string;
  readonly nowMs: number;
  /** Throws `AccessDenied` unless the caller's policies allow it. */
  authorize(action: string, resource: string, context?: RequestContext): void;
}

/** AWS JSON 1.1: `X-Amz-Target: <prefix>.<Operation>` on `POST /`. */
export interface JsonService {
  readonly protocol: 'json';
  readonly id: string;
  readonly signingName: string;
  readonly targetPrefix: string;
  handle(operation: string, input: unknown, call: ApiCall): Promise<unknown>;
}

/** AWS Query: `Action=…&Version=…` in a form body, XML back. */
export interface QueryService {
  readonly protocol: 'query';
  readonly id: string;
  readonly signingName: string;
  readonly version: string;
  readonly namespace: string;
  /** How far the client's clock may be off. */
  readonly maxSkewMs?: number;
  readonly operations: Readonly<
    Record<string, (parameters: URLSearchParams, call: ApiCall) => Promise<XmlValue> | XmlValue>
  >;
}

/** REST JSON: method and path name the operation. */
export interface RestService {
  readonly protocol: 'rest';
  readonly id: string;
  readonly signingName: string;
  match(method: string, path: readonly string[]): RestRoute | undefined;
}

export interface RestRoute {
  readonly operation: string;
  /** Larger bodies are refused with `RequestEntityTooLargeException`, status 413. */
  readonly maxBodyBytes: number;
  handle(request: RestRequest, call: ApiCall): Promise<RestAnswer>;
}

export interface RestRequest {
  /** Decoded query parameters. */
  readonly query: URLSearchParams;
  /** Lower-case names. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

export interface RestAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes as they are, or a value that is sent as JSON. */
  readonly body?: Uint8Array | Readonly<Record<string, unknown>>;
}

export type Service = JsonService | QueryService | RestService;
