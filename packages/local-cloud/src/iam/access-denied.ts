/** Which policies refused: none of the identity's allows it, one of them denies it, … */
export type DenialReason = 'identity' | 'explicit' | 'session' | 'resource';

/** A caller is not allowed to do something. Each protocol of the endpoint spells it in its own way. */
export class AccessDenied extends Error {
  override readonly name: string = 'AccessDenied';
  readonly reason: DenialReason;

  constructor(message: string, reason: DenialReason) {
    super(message);
    this.reason = reason;
  }
}

/** The sentence that AWS services answer a denied call with. */
export function accessDeniedMessage(
  callerArn: string,
  action: string,
  resource: string,
  reason: DenialReason,
): string {
  const because = {
    identity: `because no identity-based policy allows the ${action} action`,
    explicit: 'with an explicit deny in an identity-based policy',
    session: `because no session policy allows the ${action} action`,
    resource: `because no resource-based policy allows the ${action} action`,
  }[reason];
  return `User: ${callerArn} is not authorized to perform: ${action} on resource: ${resource} ${because}`;
}
