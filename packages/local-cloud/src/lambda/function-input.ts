import { ApiError, validationMessage } from '../endpoint/api-error.ts';
import type { FunctionSettings, SimulatedRuntime } from './function-record.ts';

type Members = Readonly<Record<string, unknown>>;

/** Runtimes that can run here; the older ones that AWS refuses to create read the same. */
const runtimes: readonly SimulatedRuntime[] = ['nodejs22.x', 'nodejs24.x'];
/** Set by Lambda itself. Source: Lambda developer guide, "Defined runtime environment variables". */
const reservedVariables = new Set([
  '_HANDLER',
  '_X_AMZN_TRACE_ID',
  'AWS_DEFAULT_REGION',
  'AWS_REGION',
  'AWS_EXECUTION_ENV',
  'AWS_LAMBDA_FUNCTION_NAME',
  'AWS_LAMBDA_FUNCTION_MEMORY_SIZE',
  'AWS_LAMBDA_FUNCTION_VERSION',
  'AWS_LAMBDA_INITIALIZATION_TYPE',
  'AWS_LAMBDA_LOG_GROUP_NAME',
  'AWS_LAMBDA_LOG_STREAM_NAME',
  'AWS_ACCESS_KEY',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_LAMBDA_RUNTIME_API',
  'LAMBDA_TASK_ROOT',
  'LAMBDA_RUNTIME_DIR',
]);
const maxEnvironmentBytes = 4096;

const defaults: Omit<FunctionSettings, 'runtime' | 'role' | 'handler'> = {
  description: '',
  timeoutS: 3,
  memoryMb: 128,
  environment: undefined,
  architectures: ['x86_64'],
  ephemeralStorageMb: 512,
  tracingMode: 'PassThrough',
  vpc: undefined,
  logging: {},
};

/** The settings of CreateFunction, every violation of the model in one error. */
export function readSettings(input: Members): FunctionSettings {
  const missing = ['Role', 'Handler', 'Runtime'].filter((name) => input[name] === undefined);
  if (missing.includes('Role'))
    throw validation([`Value null at 'role' ${constraint} Member must not be null`]);
  if (missing.length > 0) {
    const names = missing.map((name) => name.toLowerCase()).join(' and ');
    throw new ApiError(
      'InvalidParameterValueException',
      400,
      `Runtime and Handler are mandatory parameters for functions created with deployment packages: missing ${names}.`,
    );
  }
  return { ...defaults, ...(readChanges(input) as Pick<FunctionSettings, 'runtime' | 'role' | 'handler'>) };
}

/** The settings that an UpdateFunctionConfiguration names; the others stay. */
export function readChanges(input: Members): Partial<FunctionSettings> {
  const problems: string[] = [];
  const { runtime, role, handler, description } = texts(input);
  if (role !== undefined && !/^arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role\/?[a-zA-Z0-9+=,.@\-_/]+$/.test(role)) {
    problems.push(
      `Value '${role}' at 'role' ${constraint} Member must satisfy regular expression pattern: ` +
        'arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+',
    );
  }
  if (handler !== undefined && (!/^\S+$/.test(handler) || handler.length > 128)) {
    problems.push(
      `Value '${handler}' at 'handler' ${constraint} Member must satisfy regular expression pattern: [^\\s]+`,
    );
  }
  const timeoutS = integer(input, 'Timeout', 1, 900, problems);
  const memoryMb = integer(input, 'MemorySize', 128, 10_240, problems);
  const storage = integer(object(input['EphemeralStorage']), 'Size', 512, 10_240, problems);
  if (problems.length > 0) throw validation(problems);
  if (runtime !== undefined && !(runtimes as readonly string[]).includes(runtime)) {
    throw new ApiError(
      'InvalidParameterValueException',
      400,
      `Value ${runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: ` +
        `[${runtimes.join(', ')}] or be a valid ARN`,
    );
  }
  const environment = readEnvironment(input['Environment']);
  const architectures = input['Architectures'] as readonly string[] | undefined;
  const tracing = object(input['TracingConfig'])['Mode'] as string | undefined;
  const vpc = readVpc(input['VpcConfig']);
  return defined({
    runtime: runtime as SimulatedRuntime | undefined,
    role,
    handler,
    description,
    timeoutS,
    memoryMb,
    environment,
    architectures,
    ephemeralStorageMb: storage,
    tracingMode: tracing,
    vpc,
    logging: input['LoggingConfig'] as Readonly<Record<string, string>> | undefined,
  });
}

const constraint = 'failed to satisfy constraint:';

function texts(input: Members): Record<'runtime' | 'role' | 'handler' | 'description', string | undefined> {
  const text = (name: string): string | undefined => {
    const value = input[name] ?? undefined;
    if (value !== undefined && typeof value !== 'string') {
      throw new ApiError('SerializationException', 400, `${name} must be a string.`);
    }
    return value;
  };
  return {
    runtime: text('Runtime'),
    role: text('Role'),
    handler: text('Handler'),
    description: text('Description'),
  };
}

function integer(
  input: Members,
  name: string,
  min: number,
  max: number,
  problems: string[],
): number | undefined {
  const value = input[name] ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw new ApiError('SerializationException', 400, `${name} must be an integer.`);
  }
  const at = name.charAt(0).toLowerCase() + name.slice(1);
  if (value < min) {
    problems.push(
      `Value '${value}' at '${at}' ${constraint} Member must have value greater than or equal to ${min}`,
    );
  }
  if (value > max) {
    problems.push(
      `Value '${value}' at '${at}' ${constraint} Member must have value less than or equal to ${max}`,
    );
  }
  return value;
}

function readEnvironment(value: unknown): Readonly<Record<string, string>> | undefined {
  if (value === undefined || value === null) return undefined;
  const variables = object(object(value)['Variables']);
  const names = Object.keys(variables);
  const malformed = names.filter((name) => !/^[a-zA-Z]\w+$/.test(name) && name !== '_HANDLER');
  if (malformed.length > 0) {
    throw validation([
      `Value at 'environment.variables' ${constraint} Map keys must satisfy constraint: ` +
        '[Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]',
    ]);
  }
  if (names.some((name) => typeof variables[name] !== 'string')) {
    throw new ApiError('SerializationException', 400, 'Environment variables must be strings.');
  }
  const reserved = names.filter((name) => reservedVariables.has(name));
  if (reserved.length > 0) {
    throw new ApiError(
      'InvalidParameterValueException',
      400,
      'Lambda was unable to configure your environment variables because the environment variables you have ' +
        'provided contains reserved keys that are currently not supported for modification. Reserved keys used ' +
        `in this request: ${reserved.join(', ')}`,
    );
  }
  if (Buffer.byteLength(JSON.stringify(variables)) > maxEnvironmentBytes) {
    throw new ApiError(
      'InvalidParameterValueException',
      400,
      'Lambda was unable to configure your environment variables because the environment variables you have ' +
        'provided exceeded the 4KB limit.',
    );
  }
  return variables as Record<string, string>;
}

function readVpc(value: unknown): FunctionSettings['vpc'] {
  if (value === undefined || value === null) return undefined;
  const { SubnetIds, SecurityGroupIds } = object(value) as Record<string, readonly string[] | undefined>;
  return { SubnetIds: SubnetIds ?? [], SecurityGroupIds: SecurityGroupIds ?? [] };
}

function object(value: unknown): Members {
  return typeof value === 'object' && value !== null ? (value as Members) : {};
}

function defined(
  changes: {
    [Key in keyof FunctionSettings]: FunctionSettings[Key] | undefined;
  },
): Partial<FunctionSettings> {
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
}

function validation(problems: readonly string[]): ApiError {
  return new ApiError('ValidationException', 400, validationMessage(problems));
}
