export { type Command, parseCommand } from './command.ts';
export { type FunctionsCommand, runFunctions } from './run-functions.ts';
