import { expect, test } from 'vitest';
import { zip } from '../../test/fixtures/test-endpoint.ts';
import { readDeploymentPackage } from './deployment-package.ts';
import { readSettings } from './function-input.ts';
import { configurationOf } from './function-record.ts';
import { FunctionStore } from './function-store.ts';

test('changes take their time, and while they do others conflict', () => {
  const time = { nowMs: 1_000_000 };
  const store = new FunctionStore({
    region: 'eu-west-2',
    accountId: '123456789012',
    clock: () => time.nowMs,
    activationMs: 60_000,
  });
  const settings = readSettings({
    Runtime: 'nodejs24.x',
    Role: 'arn:aws:iam::123456789012:role/execution',
    Handler: 'index.handler',
  });
  const code = readDeploymentPackage(Buffer.from(zip({ 'index.mjs': '' })).toString('base64'));
  const state = () => configurationOf(store.require('slow', undefined), time.nowMs);
  store.create('slow', settings, code);
  expect(state()).toMatchObject({
    State: 'Pending',
    StateReasonCode: 'Creating',
    LastUpdateStatus: 'Successful',
  });
  const update = () => store.update(store.require('slow', undefined), { timeoutS: 9 }, undefined);
  expect(update).toThrow(/currently in the following state: Pending$/);

  time.nowMs += 60_000;
  expect(state()).toMatchObject({ State: 'Active', LastUpdateStatus: 'Successful' });
  update();
  expect(state()).toMatchObject({ State: 'Active', LastUpdateStatus: 'InProgress', Timeout: 9 });
  expect(update).toThrow(
    'The operation cannot be performed at this time. An update is in progress for resource: ' +
      'arn:aws:lambda:eu-west-2:123456789012:function:slow',
  );
  time.nowMs += 60_000;
  update();
});
