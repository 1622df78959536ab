import { channel } from 'node:diagnostics_channel';

/** `postern:local-cloud:front-login`: somebody was let through to the server. */
export interface FrontLogin {
  readonly user: string;
  readonly database: string;
  readonly method: 'token' | 'password';
  /** Who signed the token. */
  readonly principalArn: string | undefined;
  readonly encrypted: boolean;
  /** From the accepted connection to the end of the authentication. */
  readonly durationMs: number;
}

/** `postern:local-cloud:front-refusal`: `reason` says what the client is not told. */
export interface FrontRefusal {
  /** Undefined when the client did not get as far as naming one. */
  readonly user: string | undefined;
  readonly database: string | undefined;
  readonly sqlstate: string;
  readonly message: string;
  readonly reason: string;
}

const login = channel('postern:local-cloud:front-login');
const refusal = channel('postern:local-cloud:front-refusal');

export const publishLogin = (event: FrontLogin): void => login.publish(event);
export const publishRefusal = (event: FrontRefusal): void => refusal.publish(event);
