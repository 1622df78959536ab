/** JSON schemas that more than one route needs. They check shapes; rules are the database's constraints. */
type JsonSchema = Readonly<Record<string, unknown>>;

/** Not ajv's format, which lets `urn:uuid:` pass: Postgres does not. */
export const uuid: JsonSchema = {
  type: 'string',
  pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$',
};
export const day: JsonSchema = { type: 'string', format: 'date' };
export const currency: JsonSchema = { type: 'string', minLength: 3, maxLength: 3 };
/** Minor units as text, see money.ts. */
export const minorUnits: JsonSchema = { type: 'string', pattern: '^-?[0-9]{1,19}$' };

/** Who is asking is established before this service, by its gateway. */
const tenant = { 'x-ledger-tenant': uuid };

export const tenantHeaders: JsonSchema = {
  type: 'object',
  required: ['x-ledger-tenant'],
  properties: tenant,
};

export const idempotentHeaders: JsonSchema = {
  type: 'object',
  required: ['x-ledger-tenant', 'idempotency-key'],
  properties: { ...tenant, 'idempotency-key': { type: 'string', pattern: '^[!-~]{1,200}$' } },
};

export interface TenantHeaders {
  'x-ledger-tenant': string;
}

export interface IdempotentHeaders extends TenantHeaders {
  'idempotency-key': string;
}

export const idParams: JsonSchema = { type: 'object', required: ['id'], properties: { id: uuid } };

export interface IdParams {
  id: string;
}

/** Values are not coerced anywhere (a number would lose digits of an amount), so the limit is text too. */
export const pageQuery: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    limit: { type: 'string', pattern: '^([1-9][0-9]?|100)$', default: '50' },
    cursor: { type: 'string', maxLength: 500 },
  },
};

export interface PageQuery {
  limit: string;
  cursor?: string;
}
