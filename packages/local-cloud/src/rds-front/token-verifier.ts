/** What the front knows when a member of `rds_iam` has sent a token. */
export interface TokenRequest {
  /** As the client sent it: a secret. */
  readonly token: string;
  /** The endpoint's name and port, for which the token must have been signed. */
  readonly host: string;
  readonly port: number;
  /** The database user who logs in. */
  readonly user: string;
}

/** `reason` is for whoever looks at the server (events), never for the client, and never holds any of the token. */
export type TokenVerdict =
  | { readonly ok: true; readonly principalArn: string }
  | { readonly ok: false; readonly reason: string };

/** Decides about tokens; the port between the front and the IAM simulation. */
export interface TokenVerifier {
  verify(request: TokenRequest): Promise<TokenVerdict>;
}
