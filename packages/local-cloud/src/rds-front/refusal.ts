/** How the front ends a connection: an ErrorResponse as the server of RDS would send it. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly sqlstate: string;
  readonly detail: string | undefined;
  /** The function of the server that reports it, field R of the message. */
  readonly routine: string;
  /** Why, for events; the message alone is what the client gets. */
  readonly reason: string;

  constructor(
    sqlstate: string,
    message: string,
    about: { routine: string; detail?: string | undefined; reason?: string },
  ) {
    super(message);
    this.sqlstate = sqlstate;
    this.detail = about.detail;
    this.routine = about.routine;
    this.reason = about.reason ?? message;
  }
}

/** Who wants to go where, as pg_hba.conf looks at it. */
export interface Visitor {
  readonly address: string;
  readonly user: string;
  readonly database: string;
  readonly encrypted: boolean;
}

/** A token that is wrong in any way, or a password where a token is due. */
export function pamFailed(user: string, reason: string): Refusal {
  return new Refusal('28000', `PAM authentication failed for user "${user}"`, {
    routine: 'auth_failed',
    reason,
  });
}

/** A wrong password, and equally a role that does not exist, has no password, or whose password has expired. */
export function passwordFailed(user: string, reason: string): Refusal {
  return new Refusal('28P01', `password authentication failed for user "${user}"`, {
    routine: 'auth_failed',
    reason,
  });
}

/** A line of pg_hba.conf says `reject`. */
export function hbaRejects(visitor: Visitor): Refusal {
  return new Refusal('28000', `pg_hba.conf rejects connection for ${described(visitor)}`, {
    routine: 'ClientAuthentication',
  });
}

/** No line of pg_hba.conf matches. */
export function noHbaEntry(visitor: Visitor): Refusal {
  return new Refusal('28000', `no pg_hba.conf entry for ${described(visitor)}`, {
    routine: 'ClientAuthentication',
  });
}

export function noReplicationEntry({ address, user, encrypted }: Visitor): Refusal {
  return new Refusal(
    '28000',
    `no pg_hba.conf entry for replication connection from host "${address}", user "${user}", ${encryption(encrypted)}`,
    { routine: 'ClientAuthentication' },
  );
}

export function protocolViolation(message: string, about: { routine: string; detail?: string }): Refusal {
  return new Refusal('08P01', message, about);
}

/** The server behind the front does not take connections. */
export function notAccepting(message: string, reason: string): Refusal {
  return new Refusal('57P03', message, { routine: 'ProcessStartupPacket', reason });
}

function described({ address, user, database, encrypted }: Visitor): string {
  return `host "${address}", user "${user}", database "${database}", ${encryption(encrypted)}`;
}

function encryption(encrypted: boolean): string {
  return encrypted ? 'SSL encryption' : 'no encryption';
}
