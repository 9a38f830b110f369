// @hubspot/api-client: HubSpot's own client for Node.js (the v3 and v4 paths), unchanged but for its base path.
'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { setTimeout: pause } = require('node:timers/promises');
const { AssociationTypes, Client } = require('@hubspot/api-client');

const URL = process.env.EMULATOR_URL;
const RECORDS = 2500;
// How long the local CRM's search does not see a write: the vendor says "a few moments".
const INDEX_LAG_MS = 1000;

const connect = (options = {}) => new Client({ accessToken: 'pat', basePath: URL, ...options });
const { crm } = connect();
const contact = (properties) => ({ properties, associations: [] });

const refused = (code, category) => (error) => {
  assert.deepEqual([error.code, error.body.category], [code, category], error.message);
  assert.equal(typeof error.body.correlationId, 'string');
  return true;
};

test('creates, reads, updates and archives one', async () => {
  const { basicApi } = crm.contacts;
  const made = await basicApi.create(contact({ email: 'One@Judge.example', firstname: 'Ona' }));
  assert.equal(made.properties.email, 'one@judge.example');
  assert.ok(made.createdAt instanceof Date && made.archived === false);
  const read = await basicApi.getById(made.id, ['firstname', 'lastname']);
  assert.equal(read.properties.firstname, 'Ona');
  assert.ok(!read.properties.lastname);
  const byKey = await basicApi.getById('one@judge.example', ['firstname'], undefined, undefined, false, 'email');
  assert.equal(byKey.id, made.id);
  const changed = await basicApi.update(made.id, { properties: { firstname: '', lastname: 'Eins' } });
  assert.ok(changed.updatedAt >= made.updatedAt);
  assert.equal((await basicApi.getById(made.id, ['lastname'])).properties.lastname, 'Eins');
  await basicApi.archive(made.id);
  await assert.rejects(basicApi.getById(made.id), refused(404, 'OBJECT_NOT_FOUND'));
  const archived = await basicApi.getById(made.id, undefined, undefined, undefined, true);
  assert.ok(archived.archived && archived.archivedAt instanceof Date);
});

test('creates many and pages through all of them', async () => {
  const made = new Set();
  for (let start = 0; start < RECORDS; start += 100) {
    const inputs = Array.from({ length: 100 }, (_, row) => contact({ email: `p${start + row}@paged.example` }));
    const answer = await crm.contacts.batchApi.create({ inputs });
    assert.equal(answer.status, 'COMPLETE');
    for (const record of answer.results) {
      made.add(record.id);
    }
  }
  assert.equal(made.size, RECORDS);
  const all = await crm.contacts.getAll(100, undefined, ['email']);
  const paged = all.filter((record) => record.properties.email?.endsWith('@paged.example'));
  assert.deepEqual(new Set(paged.map((record) => record.id)), made);
  const first = await crm.contacts.basicApi.getPage(2, undefined, ['email']);
  assert.equal(first.results.length, 2);
  const second = await crm.contacts.basicApi.getPage(2, first.paging.next.after, ['email']);
  assert.ok(!second.results.some((record) => first.results.some(({ id }) => id === record.id)));
});

test('names the culprit of a batch, and what is missing in one that is read', async () => {
  const answer = await crm.contacts.batchApi.create({
    inputs: [
      { ...contact({ email: 'good@judge.example' }), objectWriteTraceId: 'good' },
      { ...contact({ email: 'no address' }), objectWriteTraceId: 'bad' },
    ],
  });
  assert.deepEqual([answer.numErrors, answer.results.length], [1, 1]);
  assert.deepEqual(answer.errors[0].context.objectWriteTraceId, ['bad']);
  const read = await crm.contacts.batchApi.read({
    properties: ['email'],
    propertiesWithHistory: [],
    inputs: [{ id: answer.results[0].id }, { id: '999999999' }],
  });
  assert.deepEqual(read.results.map(({ id }) => id), [answer.results[0].id]);
  assert.deepEqual([read.errors[0].category, read.errors[0].context.ids], ['OBJECT_NOT_FOUND', ['999999999']]);
});

test('searches by filters with sorted pages', async () => {
  for (let number = 0; number < 7; number += 1) {
    await crm.contacts.basicApi.create(contact({ email: `s${number}@search.example`, city: 'Ulm', zip: `${number}` }));
  }
  await pause(INDEX_LAG_MS);
  const found = [];
  let after;
  do {
    const page = await crm.contacts.searchApi.doSearch({
      filterGroups: [
        {
          filters: [
            { propertyName: 'city', operator: 'EQ', value: 'Ulm' },
            { propertyName: 'zip', operator: 'IN', values: ['1', '2', '3', '4'] },
          ],
        },
      ],
      sorts: ['hs_object_id'],
      properties: ['zip'],
      limit: 3,
      after,
    });
    assert.equal(page.total, 4);
    found.push(...page.results.map((record) => record.properties.zip));
    after = page.paging?.next?.after;
  } while (after);
  assert.deepEqual(found, ['1', '2', '3', '4']);
});

test('updates, upserts and archives batches', async () => {
  const inputs = ['a', 'b'].map((name) => contact({ email: `batch-${name}@judge.example` }));
  const { results: made } = await crm.contacts.batchApi.create({ inputs });
  const changed = await crm.contacts.batchApi.update({ inputs: made.map(({ id }) => ({ id, properties: { city: 'Bern' } })) });
  assert.ok(changed.results.every((record) => record.properties.city === 'Bern'));
  const upsert = (email, firstname) => ({ id: email, idProperty: 'email', properties: { email, firstname } });
  const upserted = await crm.contacts.batchApi.upsert({
    inputs: [upsert('batch-a@judge.example', 'A'), upsert('batch-c@judge.example', 'C')],
  });
  const isNew = Object.fromEntries(upserted.results.map((record) => [record.properties.email, record._new]));
  assert.deepEqual(isNew, { 'batch-a@judge.example': false, 'batch-c@judge.example': true });
  const ids = [...new Set([...made, ...upserted.results].map(({ id }) => id))];
  assert.equal(ids.length, 3);
  await crm.contacts.batchApi.archive({ inputs: ids.map((id) => ({ id })) });
  await assert.rejects(crm.contacts.basicApi.getById(ids[0]), refused(404, 'OBJECT_NOT_FOUND'));
});

test('associates and lists associations', async () => {
  const person = await crm.contacts.basicApi.create(contact({ email: 'linked@judge.example' }));
  const firm = await crm.companies.basicApi.create(contact({ name: 'Linked' }));
  const { v4 } = crm.associations;
  const types = [{ associationCategory: 'HUBSPOT_DEFINED', associationTypeId: AssociationTypes.contactToCompany }];
  await v4.basicApi.create('contacts', person.id, 'companies', firm.id, types);
  const page = await v4.basicApi.getPage('contacts', person.id, 'companies');
  assert.deepEqual(page.results.map((link) => `${link.toObjectId}`), [firm.id]);
  assert.ok(page.results[0].associationTypes.some((type) => type.typeId === AssociationTypes.contactToCompany));
  const read = await crm.contacts.basicApi.getById(person.id, undefined, undefined, ['companies']);
  assert.ok(read.associations.companies.results.some(({ id }) => id === firm.id));
  await v4.basicApi.archive('contacts', person.id, 'companies', firm.id);
  assert.deepEqual((await v4.basicApi.getPage('contacts', person.id, 'companies')).results, []);
});

test('describes properties and pipelines', async () => {
  const { results } = await crm.properties.coreApi.getAll('contacts');
  assert.equal(results.find((one) => one.name === 'email').type, 'string');
  const pipelines = await crm.pipelines.pipelinesApi.getAll('deals');
  assert.ok(pipelines.results[0].stages.some((stage) => stage.id === 'closedwon'));
});

test('refuses what does not fit, what is there already, what is missing and who may not', async () => {
  const { basicApi } = crm.contacts;
  for (const [values, code] of [
    [{ no_such_property: '1' }, 'PROPERTY_DOESNT_EXIST'],
    [{ hs_lead_status: 'No Such Status' }, 'INVALID_OPTION'],
  ]) {
    await assert.rejects(basicApi.create(contact(values)), (error) => {
      assert.equal(error.body.errors[0].code, code);
      return refused(400, 'VALIDATION_ERROR')(error);
    });
  }
  await basicApi.create(contact({ email: 'twice@judge.example' }));
  await assert.rejects(basicApi.create(contact({ email: 'TWICE@judge.example' })), refused(409, 'CONFLICT'));
  await assert.rejects(basicApi.getById('999999999'), refused(404, 'OBJECT_NOT_FOUND'));
  for (const [accessToken, code] of [['invalid', 401], ['expired', 401], ['noscope', 403]]) {
    await assert.rejects(connect({ accessToken }).crm.contacts.basicApi.getPage(1), (error) => error.code === code);
  }
});

test('meets the limit of searches, and waits it out by itself', async () => {
  // Bottleneck, the client's own brake, is let go.
  const limiterOptions = { minTime: 0, maxConcurrent: 20 };
  const limited = (options) => new Client({ accessToken: 'pat', basePath: process.env.LIMITED_URL, limiterOptions, ...options });
  const search = (client) => client.crm.contacts.searchApi.doSearch({ limit: 1 });
  const hasty = limited({ numberOfApiCallRetries: 0 });
  const answers = await Promise.allSettled(Array.from({ length: 30 }, () => search(hasty)));
  const reasons = answers.filter((one) => one.status === 'rejected').map((one) => one.reason);
  assert.ok(reasons.length > 0 && reasons.every((reason) => reason.code === 429), `${reasons.map((one) => one.code)}`);
  assert.ok(reasons.every((reason) => reason.body.errorType === 'RATE_LIMIT'));
  const patient = limited({ numberOfApiCallRetries: 3 });
  const waited = await Promise.all(Array.from({ length: 8 }, () => search(patient)));
  assert.ok(waited.every((page) => page.total === waited[0].total && page.results.length === 1));
});
