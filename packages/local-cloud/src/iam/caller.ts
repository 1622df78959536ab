import type { SigningKey } from '../sigv4/verify.ts';
import type { PolicyDocument } from './policy.ts';

/** Who signed a request. */
export interface Caller {
  readonly accountId: string;
  readonly arn: string;
  readonly userId: string;
  /** The user's name or the role session's name; ids of Session Manager sessions start with it. */
  readonly sessionName: string;
  readonly accessKeyId: string;
}

/** An access key as the directory keeps it. */
export interface AccessKey extends SigningKey {
  readonly accessKeyId: string;
  readonly issuedAtMs: number;
  readonly owner: { readonly type: 'user' | 'role'; readonly name: string };
  readonly caller: Caller;
  /** AssumeRole's `Policy`: what it does not allow as well is denied. */
  readonly sessionPolicy?: PolicyDocument;
}

/** Credentials in the shape that the AWS SDKs take. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}
