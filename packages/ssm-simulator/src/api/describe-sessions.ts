import type { SsmCaller } from '../caller.ts';
import { SsmApiError } from '../errors.ts';
import type { Session } from '../session.ts';
import { Constraints } from './constraints.ts';
import { page } from './page.ts';
import type { ServiceContext } from './service-context.ts';

const filterKeys = [
  'InvokedAfter',
  'InvokedBefore',
  'Target',
  'Owner',
  'Status',
  'SessionId',
  'AccessType',
] as const;

/** Newest first, as the console shows them. */
export function describeSessions(context: ServiceContext, input: unknown, caller: SsmCaller): unknown {
  const read = new Constraints(input);
  const state = read.text('State', { required: true, oneOf: ['Active', 'History'] });
  const maxResults = read.integer('MaxResults', { min: 1, max: 200 }) ?? 200;
  const nextToken = read.text('NextToken', {});
  const filters = read.filters('Filters', { min: 1, max: 7 }, (filter) => ({
    key: filter.text('key', { required: true, oneOf: filterKeys }) ?? '',
    value: filter.text('value', { required: true, min: 1, max: 400 }) ?? '',
  }));
  read.check();
  for (const { key, value } of filters)
    if (key.startsWith('Invoked') && Number.isNaN(Date.parse(value)))
      throw new SsmApiError(
        'InvalidFilterValue',
        `${value} of ${key} is no date such as 2024-10-09T22:00:00Z.`,
      );
  context.access.account(caller, 'ssm:DescribeSessions');

  const chosen = context.sessions
    .all()
    .filter((session) => (session.status === 'Terminated') === (state === 'History'))
    .filter((session) => filters.every(({ key, value }) => matches(session, key, value)))
    .reverse();
  const { items, nextToken: following } = page('DescribeSessions', chosen, { maxResults, nextToken });
  return {
    Sessions: items.map(describe),
    ...(following === undefined ? {} : { NextToken: following }),
  };
}

function matches(session: Session, key: string, value: string): boolean {
  switch (key) {
    case 'InvokedAfter':
      return session.startDateMs > Date.parse(value);
    case 'InvokedBefore':
      return session.startDateMs < Date.parse(value);
    case 'Target':
      return session.target === value;
    case 'Owner':
      return session.owner.arn === value;
    case 'Status':
      return session.status === value;
    case 'SessionId':
      return session.id === value;
    default:
      return value === 'Standard';
  }
}

function describe(session: Session): unknown {
  return {
    SessionId: session.id,
    Target: session.target,
    Status: session.status,
    // JSON dates are seconds.
    StartDate: session.startDateMs / 1000,
    ...(session.endDateMs === undefined ? {} : { EndDate: session.endDateMs / 1000 }),
    DocumentName: session.documentName,
    Owner: session.owner.arn,
    ...(session.reason === undefined ? {} : { Reason: session.reason }),
    AccessType: 'Standard',
  };
}
