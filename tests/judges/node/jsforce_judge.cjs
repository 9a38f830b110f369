// jsforce: the client that most Node.js programs speak to Salesforce with, unchanged but for the org's address.
//
// 3.9.5 is the newest that runs on Node 20. Its own types are asserted: RecordResult, QueryResult, IdentityInfo, HttpApiError.
'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const jsforce = require('jsforce');

const URL = process.env.EMULATOR_URL;
const RECORDS = 2500;
const MISSING = '003000000000000AAA';

const connect = (options = {}) =>
  new jsforce.Connection({ instanceUrl: URL, accessToken: '00D5g0000000001!judge', version: '67.0', ...options });
const org = connect();
const refused = (errorCode) => (error) => {
  assert.equal(error.errorCode, errorCode, error.message);
  assert.equal(error.name, errorCode);
  return true;
};
const setOrg = async (url, options) => {
  const answer = await fetch(`${url}/_emulator/org`, {
    method: 'POST',
    headers: { authorization: 'Bearer 00D!judge', 'content-type': 'application/json' },
    body: JSON.stringify(options),
  });
  assert.equal(answer.status, 204);
};

test('logs an app in with its credentials, and tells who that is', async () => {
  const app = new jsforce.Connection({ oauth2: { loginUrl: URL, clientId: 'app', clientSecret: 'secret' }, version: '67.0' });
  const user = await app.authorize({ grant_type: 'client_credentials' });
  assert.equal(app.instanceUrl, URL);
  assert.match(user.id, /^005\w{15}$/);
  assert.match(user.organizationId, /^00D\w{15}$/);
  const identity = await app.identity();
  assert.equal(identity.user_id, user.id);
  assert.equal(identity.organization_id, user.organizationId);
  assert.ok(identity.urls.rest.startsWith(`${URL}/services/data/`), identity.urls.rest);
  assert.equal((await org.identity()).user_id, user.id, 'found by way of the list of resources, too');
});

test('refuses an app that is no good, and a session that ended', async () => {
  const app = new jsforce.Connection({ oauth2: { loginUrl: URL, clientId: 'app', clientSecret: 'invalid' } });
  await assert.rejects(app.authorize({ grant_type: 'client_credentials' }), { name: 'invalid_client' });
  await assert.rejects(connect({ accessToken: 'expired' }).query('SELECT Id FROM Account'), refused('INVALID_SESSION_ID'));
});

test('renews a session that ended, once, by its own way', async () => {
  let renewals = 0;
  const ended = connect({
    accessToken: 'expired',
    refreshFn: (_, done) => {
      renewals += 1;
      done(null, '00D5g0000000001!renewed');
    },
  });
  assert.equal((await ended.query('SELECT Id FROM User')).done, true);
  assert.equal(renewals, 1);
});

test('describes', async () => {
  const all = await org.describeGlobal();
  assert.ok(all.sobjects.some((one) => one.name === 'Account' && one.keyPrefix === '001' && one.queryable));
  const contact = await org.sobject('Contact').describe();
  const field = (name) => contact.fields.find((one) => one.name === name);
  assert.equal(field('Email').type, 'email');
  assert.equal(field('Email').idLookup, true);
  assert.deepEqual(field('AccountId').referenceTo, ['Account']);
  assert.equal(field('LastName').nillable, false);
  assert.ok(contact.childRelationships.length > 0);
  await assert.rejects(org.sobject('Nonsense__c').describe(), refused('NOT_FOUND'));
});

test('creates, reads, updates, upserts and deletes one', async () => {
  const accounts = org.sobject('Account');
  const made = await accounts.create({ Name: 'Judge & Söhne', External_Id__c: 'J-1', NumberOfEmployees: 7 });
  assert.equal(made.success, true);
  assert.match(made.id, /^001\w{15}$/);
  const read = await accounts.retrieve(made.id);
  assert.equal(read.Name, 'Judge & Söhne');
  assert.equal(read.NumberOfEmployees, 7);
  assert.equal(read.attributes.type, 'Account');

  assert.equal((await accounts.update({ Id: made.id, NumberOfEmployees: null, Website: 'https://judge.example' })).success, true);
  const changed = await accounts.retrieve(made.id);
  assert.deepEqual([changed.NumberOfEmployees, changed.Website], [null, 'https://judge.example']);

  const found = await accounts.upsert({ External_Id__c: 'J-1', Name: 'Judged' }, 'External_Id__c');
  assert.deepEqual([found.success, found.id], [true, made.id]);
  const fresh = await accounts.upsert({ External_Id__c: 'J-2', Name: 'Fresh' }, 'External_Id__c');
  assert.equal(fresh.success, true);
  assert.notEqual(fresh.id, made.id);
  assert.equal((await accounts.retrieve(made.id)).Name, 'Judged');

  assert.equal((await accounts.destroy(made.id)).success, true);
  await assert.rejects(accounts.retrieve(made.id), (error) => /NOT_FOUND|ENTITY_IS_DELETED/.test(error.errorCode));
});

test('creates, updates and deletes many at once, and names the one that is refused', async () => {
  const contacts = org.sobject('Contact');
  const made = await contacts.create(
    [{ LastName: 'Eins', Email: 'many1@judge.example' }, { FirstName: 'Nameless' }, { LastName: 'Drei', Email: 'many3@judge.example' }],
    { allOrNone: false },
  );
  assert.deepEqual(made.map((one) => one.success), [true, false, true]);
  assert.equal(made[1].errors[0].statusCode, 'REQUIRED_FIELD_MISSING');
  assert.deepEqual(made[1].errors[0].fields, ['LastName']);
  const ids = [made[0].id, made[2].id];
  const changed = await contacts.update(ids.map((Id) => ({ Id, Title: 'Judge' })));
  assert.ok(changed.every((one) => one.success));
  const upserted = await contacts.upsert(
    [{ LastName: 'Eins!', Email: 'many1@judge.example' }, { LastName: 'Vier', Email: 'many4@judge.example' }],
    'Email',
  );
  assert.deepEqual(upserted.map((one) => [one.success, one.created]), [[true, false], [true, true]]);
  const read = await contacts.retrieve(ids);
  assert.deepEqual(read.map((one) => [one.LastName, one.Title]), [['Eins!', 'Judge'], ['Drei', 'Judge']]);
  const gone = await contacts.destroy([...ids, upserted[1].id]);
  assert.ok(gone.every((one) => one.success));
});

test('pages through all records of a query, by itself and step by step', async () => {
  for (let start = 0; start < RECORDS; start += 200) {
    const count = Math.min(200, RECORDS - start);
    const rows = Array.from({ length: count }, (_, row) => ({ LastName: `P${start + row}`, Department: 'paged' }));
    const made = await org.sobject('Contact').create(rows);
    assert.ok(made.every((one) => one.success));
  }
  const soql = "SELECT Id, LastName FROM Contact WHERE Department = 'paged' ORDER BY LastName";
  const first = await org.query(soql);
  assert.deepEqual([first.totalSize, first.done, first.records.length], [RECORDS, false, 2000]);
  const second = await org.queryMore(first.nextRecordsUrl);
  assert.deepEqual([second.done, second.records.length], [true, 500]);
  const all = await org.query(soql, { autoFetch: true, maxFetch: 10_000 });
  assert.deepEqual([all.done, new Set(all.records.map((one) => one.LastName)).size], [true, RECORDS]);
});

test('finds by conditions, with parents, children, counts and text that would break a query', async () => {
  const account = await org.sobject('Account').create({ Name: "O'Brien \\ Co" });
  for (const LastName of ['Ada', 'Bo', 'Cy']) {
    await org.sobject('Contact').create({ LastName, AccountId: account.id, Department: 'found' });
  }
  const named = await org.sobject('Account').find({ Name: { $like: "O'Brien%" } }, ['Id', 'Name']);
  assert.deepEqual(named.map((one) => one.Name), ["O'Brien \\ Co"]);
  const found = await org
    .sobject('Contact')
    .find({ Department: 'found', LastName: { $in: ['Ada', 'Cy'] } }, 'Id, LastName, Account.Name')
    .sort({ LastName: -1 })
    .limit(5);
  assert.deepEqual(found.map((one) => [one.LastName, one.Account.Name]), [['Cy', "O'Brien \\ Co"], ['Ada', "O'Brien \\ Co"]]);
  assert.equal(await org.sobject('Contact').count({ Department: 'found' }), 3);
  const parent = await org.query(`SELECT Name, (SELECT LastName FROM Contacts) FROM Account WHERE Id = '${account.id}'`);
  assert.equal(parent.records[0].Contacts.totalSize, 3);
});

test('links a record to its parent, by id and by an external id', async () => {
  const account = await org.sobject('Account').create({ Name: 'Parent', External_Id__c: 'J-parent' });
  const byId = await org.sobject('Contact').create({ LastName: 'ById', AccountId: account.id });
  const byKey = await org.sobject('Contact').create({ LastName: 'ByKey', Account: { External_Id__c: 'J-parent' } });
  for (const { id } of [byId, byKey]) {
    assert.equal((await org.sobject('Contact').retrieve(id)).AccountId, account.id);
  }
  await org.sobject('Contact').update({ Id: byId.id, AccountId: null });
  assert.equal((await org.sobject('Contact').retrieve(byId.id)).AccountId, null);
  await assert.rejects(
    org.sobject('Contact').create({ LastName: 'Orphan', AccountId: '001000000000000AAA' }),
    refused('INVALID_CROSS_REFERENCE_KEY'),
  );
});

test('refuses what does not fit, and what is not there', async () => {
  await assert.rejects(org.sobject('Contact').create({ FirstName: 'Nameless' }), (error) => {
    assert.deepEqual([error.errorCode, error.data.fields], ['REQUIRED_FIELD_MISSING', ['LastName']]);
    return true;
  });
  await assert.rejects(org.sobject('Account').create({ Name: 'x'.repeat(300) }), refused('STRING_TOO_LONG'));
  await assert.rejects(org.sobject('Account').create({ Name: 'x', Nonsense: 1 }), refused('INVALID_FIELD'));
  await assert.rejects(org.sobject('Contact').retrieve(MISSING), refused('NOT_FOUND'));
  await assert.rejects(org.query('SELECT Id FROM'), refused('MALFORMED_QUERY'));
  await assert.rejects(org.query('SELECT Id FROM Nonsense__c'), refused('INVALID_TYPE'));
});

test('writes by a Bulk API job, reads its results, and queries by one with a page of results', async () => {
  const input = Array.from({ length: 1000 }, (_, row) => ({ LastName: row === 500 ? '' : `B${row}`, Department: 'bulk, "quoted"' }));
  const done = await org.bulk2.loadAndWaitForResults({
    object: 'Contact',
    operation: 'insert',
    input,
    pollInterval: 100,
    pollTimeout: 60_000,
  });
  assert.equal(done.successfulResults.length, 999);
  assert.equal(done.failedResults.length, 1);
  assert.match(done.failedResults[0].sf__Error, /^REQUIRED_FIELD_MISSING:/);
  assert.deepEqual(done.unprocessedRecords, []);
  assert.ok(done.successfulResults.every((one) => one.sf__Created === 'true' && /^003\w{15}$/.test(one.sf__Id)));

  const stream = await org.bulk2.query('SELECT Id, LastName, Department FROM Contact WHERE Department LIKE \'bulk%\'', {
    pollInterval: 100,
    pollTimeout: 60_000,
  });
  const read = await stream.toArray();
  assert.equal(read.length, 999);
  assert.ok(read.every((one) => one.Department === 'bulk, "quoted"'));

  const gone = await org.bulk2.loadAndWaitForResults({
    object: 'Contact',
    operation: 'delete',
    input: read.map(({ Id }) => ({ Id })),
    pollInterval: 100,
    pollTimeout: 60_000,
  });
  assert.equal(gone.successfulResults.length, 999);
});

test('meets the limit of calls, and tells it as what it is', async () => {
  const url = process.env.LIMITED_URL;
  const limited = connect({ instanceUrl: url });
  const { DailyApiRequests } = await limited.limits();
  assert.ok(DailyApiRequests.Remaining < DailyApiRequests.Max);
  assert.equal(limited.limitInfo.apiUsage.limit, DailyApiRequests.Max);
  await setOrg(url, { dailyApiRequests: 1 });
  // Salesforce has no 429: what is refused for its number is 403, with a word of its own.
  await assert.rejects(limited.query('SELECT Id FROM Account'), refused('REQUEST_LIMIT_EXCEEDED'));
  await setOrg(url, { dailyApiRequests: 100_000 });
  assert.equal((await limited.query('SELECT Id FROM User')).done, true);
});
