/** Who calls: what the service knows after it has checked a signature. */
export interface SsmCaller {
  /** `arn:aws:iam::…:user/…` or `arn:aws:sts::…:assumed-role/…/…`. */
  arn: string;
  /** `aws:userid`: `AIDA…` of a user, `AROA…:<role session name>` of a role. */
  userId: string;
  /** User name or role session name: what session ids start with. */
  sessionName: string;
}

/** One permission to check. */
export interface AccessRequest {
  caller: SsmCaller;
  /** For example `ssm:StartSession`. */
  action: string;
  /** ARN, or `*`. */
  resource: string;
  /** Condition keys of the service (`ssm:resourceTag/…`); the principal's own keys are the hook's business. */
  context: Readonly<Record<string, string | string[]>>;
}

/** Throws `SsmApiError('AccessDeniedException', …)` to deny. */
export type Authorize = (request: AccessRequest) => void;
