// airtable.js: Airtable's own client for JavaScript, unchanged but for its endpoint.
'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const Airtable = require('airtable');

const URL = process.env.EMULATOR_URL;
const BASE = 'appFerryDemo00001';
const RECORDS = 2500;
const MISSING = 'recMissing0000001';

const connect = (apiKey = 'pat', options = {}) => new Airtable({ apiKey, endpointUrl: URL, ...options }).base(BASE);
const base = connect();
const contacts = base('Contacts');
const companies = base('Companies');

const refused = (statusCode, error) => (reason) => {
  assert.ok(reason instanceof Airtable.Error, `${reason}`);
  assert.deepEqual([reason.statusCode, reason.error], [statusCode, error], reason.message);
  return true;
};
/** What the limit of a base is made for: a few calls a second. */
const inTurn = async (items, size, work) => {
  for (let start = 0; start < items.length; start += size) {
    await work(items.slice(start, start + size));
  }
};

test('creates, reads, updates, replaces and deletes one', async () => {
  const made = await contacts.create({ Email: 'one@judge.example', Name: 'Ona', Newsletter: false });
  assert.match(made.getId(), /^rec\w{14}$/);
  assert.equal(made.get('Name'), 'Ona');
  assert.equal(made.get('Newsletter'), undefined, 'an empty cell is absent');
  const read = await contacts.find(made.id);
  assert.deepEqual(read.fields, made.fields);
  assert.ok(!Number.isNaN(Date.parse(read._rawJson.createdTime)));
  const changed = await contacts.update(made.id, { Name: null, 'Job Title': 'Judge' });
  assert.deepEqual([changed.get('Name'), changed.get('Job Title'), changed.get('Email')], [undefined, 'Judge', 'one@judge.example']);
  const replaced = await contacts.replace(made.id, { Name: 'Zwei' });
  assert.deepEqual(replaced.fields, { Name: 'Zwei' });
  assert.equal((await contacts.destroy(made.id)).id, made.id);
  await assert.rejects(contacts.find(made.id), (error) => [403, 404].includes(error.statusCode));
});

test('creates many and pages through all of them', async () => {
  const rows = Array.from({ length: RECORDS }, (_, row) => ({ fields: { Email: `p${row}@judge.example`, Source: 'paged' } }));
  const ids = new Set();
  await inTurn(rows, 10, async (part) => {
    for (const record of await contacts.create(part, { typecast: true })) {
      ids.add(record.id);
    }
  });
  assert.equal(ids.size, RECORDS);
  const pages = [];
  await contacts.select({ filterByFormula: "{Source} = 'paged'", fields: ['Email'], pageSize: 100 }).eachPage((records, next) => {
    pages.push(records.map((record) => record.id));
    next();
  });
  assert.deepEqual(pages.map((page) => page.length), Array(RECORDS / 100).fill(100));
  assert.deepEqual(new Set(pages.flat()), ids);
  await inTurn([...ids], 10, async (part) => {
    assert.equal((await contacts.destroy(part)).length, part.length);
  });
});

test('filters, sorts, picks fields and stops at a number', async () => {
  const rows = [3, 1, 2].map((number) => ({ fields: { Name: `Sought ${number}`, 'Job Title': number === 2 ? 'odd "one"' : 'judge' } }));
  await contacts.create(rows);
  const query = { filterByFormula: "AND(FIND('Sought', {Name}), {Job Title} = 'judge')", sort: [{ field: 'Name', direction: 'desc' }] };
  const found = await contacts.select({ ...query, fields: ['Name'] }).all();
  assert.deepEqual(found.map((record) => record.fields), [{ Name: 'Sought 3' }, { Name: 'Sought 1' }]);
  assert.equal((await contacts.select({ ...query, maxRecords: 1 }).firstPage()).length, 1);
  assert.equal((await contacts.select({ ...query, method: 'post' }).all()).length, 2, 'by POST, as for long formulas');
});

test('updates many and upserts by a field', async () => {
  const rows = Array.from({ length: 5 }, (_, row) => ({ fields: { Email: `up${row}@judge.example`, Name: 'before' } }));
  const made = await contacts.create(rows);
  const changed = await contacts.update(made.map(({ id }) => ({ id, fields: { Name: 'after' } })));
  assert.deepEqual(changed.map((record) => [record.id, record.get('Name')]), made.map(({ id }) => [id, 'after']));
  const upserted = await contacts.update(
    [{ fields: { Email: 'up0@judge.example', Name: 'found' } }, { fields: { Email: 'up9@judge.example', Name: 'new' } }],
    { performUpsert: { fieldsToMergeOn: ['Email'] } },
  );
  assert.equal(upserted[0].id, made[0].id);
  assert.ok(!made.some(({ id }) => id === upserted[1].id));
  assert.deepEqual(upserted.map((record) => record.get('Name')), ['found', 'new']);
});

test('links tables both ways', async () => {
  const firm = await companies.create({ Name: 'Ärzte & Söhne' });
  const person = await contacts.create({ Name: 'Linked', Company: [firm.id] });
  assert.deepEqual(person.get('Company'), [firm.id]);
  const back = (await companies.find(firm.id)).fields;
  assert.ok(Object.values(back).some((value) => Array.isArray(value) && value.includes(person.id)), JSON.stringify(back));
  assert.equal((await contacts.update(person.id, { Company: [] })).get('Company'), undefined);
});

test('refuses what does not fit, and what is not there', async () => {
  await assert.rejects(contacts.create({ Nonsense: 1 }), refused(422, 'UNKNOWN_FIELD_NAME'));
  await assert.rejects(contacts.create({ Status: 'No Such Choice' }), refused(422, 'INVALID_MULTIPLE_CHOICE_OPTIONS'));
  await assert.rejects(contacts.create(Array(11).fill({ fields: {} })), (error) => error.statusCode === 422);
  const before = await contacts.select({ filterByFormula: "{Name} = 'half'" }).all();
  await assert.rejects(contacts.create([{ fields: { Name: 'half' } }, { fields: { Nonsense: 1 } }]), refused(422, 'UNKNOWN_FIELD_NAME'));
  assert.equal((await contacts.select({ filterByFormula: "{Name} = 'half'" }).all()).length, before.length, 'all or nothing');
  await assert.rejects(contacts.find(MISSING), (error) => [403, 404].includes(error.statusCode));
  await assert.rejects(connect('invalid')('Contacts').find(MISSING), refused(401, 'AUTHENTICATION_REQUIRED'));
});

test('meets the rate limit', async () => {
  const limited = (options) => new Airtable({ apiKey: 'pat', endpointUrl: process.env.LIMITED_URL, ...options }).base(BASE)('Contacts');
  const hasty = limited({ noRetryIfRateLimited: true });
  const answers = await Promise.allSettled(Array.from({ length: 12 }, () => hasty.select({ maxRecords: 1 }).firstPage()));
  const reasons = answers.filter((one) => one.status === 'rejected').map((one) => one.reason);
  assert.ok(reasons.length > 0 && reasons.length < 12, `${reasons.length} of 12 are refused`);
  assert.ok(reasons.every((reason) => reason instanceof Airtable.Error && reason.statusCode === 429));
});
