// pipedrive: Pipedrive's own client for Node.js, versions 1 and 2 of the API, unchanged but for its base path.
'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const v1 = require('pipedrive/v1');
const v2 = require('pipedrive/v2');

const URL = process.env.EMULATOR_URL;
const RECORDS = 1200;

const one = new v1.Configuration({ apiKey: 'token', basePath: `${URL}/api/v1` });
const two = new v2.Configuration({ apiKey: 'token', basePath: `${URL}/api/v2` });
const persons = new v2.PersonsApi(two);
const organizations = new v2.OrganizationsApi(two);
const deals = new v2.DealsApi(two);
const dealFields = new v2.DealFieldsApi(two);

const refused = (code, text) => (body) => {
  assert.equal(body.success, false, JSON.stringify(body));
  assert.equal(body.code, code, JSON.stringify(body));
  assert.match(body.error, text);
  return true;
};
/** All records of a list, page by page. */
const all = async (list, query = {}) => {
  const found = [];
  let cursor;
  do {
    const page = await list({ limit: 500, cursor, ...query });
    assert.equal(page.success, true);
    found.push(...page.data);
    cursor = page.additional_data.next_cursor;
  } while (cursor);
  return found;
};
const inTurn = async (items, size, work) => {
  for (let start = 0; start < items.length; start += size) {
    await Promise.all(items.slice(start, start + size).map(work));
  }
};

test('creates, reads, updates and deletes one', async () => {
  const org = (await organizations.addOrganization({ AddOrganizationRequest: { name: 'Acme', address: { value: 'Main St 1' } } })).data;
  const emails = [{ value: 'ada@judge.example', primary: true, label: 'work' }, { value: 'al@judge.example', primary: false, label: 'home' }];
  const made = (await persons.addPerson({ AddPersonRequest: { name: 'Ada Lovelace', org_id: org.id, emails } })).data;
  assert.deepEqual([made.first_name, made.last_name, made.org_id, made.emails], ['Ada', 'Lovelace', org.id, emails]);
  assert.deepEqual((await persons.getPerson({ id: made.id })).data, made);
  const changed = (await persons.updatePerson({ id: made.id, UpdatePersonRequest: { name: 'Ada King' } })).data;
  assert.deepEqual([changed.last_name, changed.emails], ['King', emails], 'what is not named stays');
  assert.deepEqual((await persons.deletePerson({ id: made.id })).data, { id: made.id });
  assert.equal((await persons.getPerson({ id: made.id })).data.is_deleted, true);
  await assert.rejects(persons.getPerson({ id: 999999 }), (body) => body.success === false && /not found/.test(body.error));
});

test('creates many and pages through all of them', async () => {
  const names = Array.from({ length: RECORDS }, (_, number) => `Page ${number}`);
  await inTurn(names, 25, (name) => organizations.addOrganization({ AddOrganizationRequest: { name } }));
  for (const sort_by of ['id', 'update_time', 'add_time']) {
    const found = await all((query) => organizations.getOrganizations(query), { sort_by });
    const paged = found.filter(({ name }) => name.startsWith('Page '));
    assert.equal(new Set(paged.map(({ id }) => id)).size, RECORDS, `each one once, by ${sort_by}`);
  }
  const since = (await all((query) => organizations.getOrganizations(query), { sort_by: 'update_time', sort_direction: 'desc' }))[0].update_time;
  const recent = await all((query) => organizations.getOrganizations(query), { updated_since: since });
  assert.ok(recent.length > 0 && recent.every(({ update_time }) => update_time >= since));
});

test('makes fields, and writes and reads their values', async () => {
  const make = async (field_name, field_type, options) => {
    const made = (await dealFields.addDealField({ AddDealFieldRequest: { field_name, field_type, options } })).data;
    assert.match(made.field_code, /^[0-9a-f]{40}$/);
    return made;
  };
  const tier = await make('Tier', 'enum', [{ label: 'Gold' }, { label: 'Silver' }]);
  const tags = await make('Tags', 'set', [{ label: 'A' }, { label: 'B, C' }]);
  const budget = await make('Budget', 'monetary');
  const trial = await make('Trial', 'daterange');
  const added = await dealFields.addDealFieldOptions({ field_code: tier.field_code, AddDealFieldOptionsRequestInner: [{ label: 'Bronze' }] });
  const custom_fields = {
    [tier.field_code]: added.data[0].id,
    [tags.field_code]: tags.options.map(({ id }) => id),
    [budget.field_code]: { value: 1234.5, currency: 'EUR' },
    [trial.field_code]: { value: '2026-03-01', until: '2026-03-31' },
  };
  const deal = (await deals.addDeal({ AddDealRequest: { title: 'Custom', custom_fields } })).data;
  for (const [code, value] of Object.entries(custom_fields)) {
    assert.deepEqual(deal.custom_fields[code], value);
  }
  const listed = await all((query) => dealFields.getDealFields(query));
  const found = listed.find(({ field_code }) => field_code === tier.field_code);
  assert.deepEqual(found.options.map(({ label }) => label), ['Gold', 'Silver', 'Bronze']);
  const labels = (await deals.getDeal({ id: deal.id, include_option_labels: true, custom_fields: tags.field_code })).data;
  assert.deepEqual(labels.custom_fields[tags.field_code].map(({ label }) => label), ['A', 'B, C']);
  await assert.rejects(
    deals.addDeal({ AddDealRequest: { title: 'x', custom_fields: { ['0'.repeat(40)]: 1 } } }),
    refused('ERR_SCHEMA_VALIDATION_FAILED', /Unknown key/),
  );
});

test('moves a deal through stages and statuses', async () => {
  const pipelines = new v2.PipelinesApi(two);
  const stages = new v2.StagesApi(two);
  const pipeline = (await pipelines.addPipeline({ AddPipelineRequest: { name: 'Second' } })).data;
  const stage = (await stages.addStage({ AddStageRequest: { name: 'Start', pipeline_id: pipeline.id } })).data;
  assert.ok((await stages.getStages({ pipeline_id: pipeline.id })).data.some(({ id }) => id === stage.id));
  const deal = (await deals.addDeal({ AddDealRequest: { title: 'Moving', value: 10, currency: 'USD' } })).data;
  const moved = (await deals.updateDeal({ id: deal.id, UpdateDealRequest: { stage_id: stage.id } })).data;
  assert.equal(moved.pipeline_id, pipeline.id);
  const won = (await deals.updateDeal({ id: deal.id, UpdateDealRequest: { status: 'won' } })).data;
  assert.ok(won.won_time && won.close_time);
  assert.ok((await all((query) => deals.getDeals(query), { status: 'won' })).some(({ id }) => id === deal.id));
  await deals.deleteDeal({ id: deal.id });
  assert.ok(!(await all((query) => deals.getDeals(query))).some(({ id }) => id === deal.id));
  assert.ok((await all((query) => deals.getDeals(query), { status: 'deleted' })).some(({ id }) => id === deal.id));
});

test('searches, by part and exactly', async () => {
  const email = 'sought@judge.example';
  const made = (await persons.addPerson({ AddPersonRequest: { name: 'Sought Person', emails: [{ value: email }] } })).data;
  const found = (await persons.searchPersons({ term: email.toUpperCase(), fields: 'email', exact_match: true })).data.items;
  assert.deepEqual(found.map(({ item }) => [item.id, item.emails]), [[made.id, [email]]]);
  const items = (await new v2.ItemSearchApi(two).searchItem({ term: 'sought', item_types: 'person' })).data.items;
  assert.equal(items[0].item.type, 'person');
  await assert.rejects(persons.searchPersons({ term: 's' }), refused('ERR_SCHEMA_VALIDATION_FAILED', /term/));
});

test('has activities, products and their links', async () => {
  const person = (await persons.addPerson({ AddPersonRequest: { name: 'Busy' } })).data;
  const deal = (await deals.addDeal({ AddDealRequest: { title: 'With products', person_id: person.id } })).data;
  const activities = new v2.ActivitiesApi(two);
  const participants = [{ person_id: person.id, primary: true }];
  const AddActivityRequest = { subject: 'Call', type: 'call', due_date: '2026-02-01', due_time: '09:00', deal_id: deal.id, participants };
  const activity = (await activities.addActivity({ AddActivityRequest })).data;
  assert.deepEqual([activity.person_id, activity.due_time, activity.done], [person.id, '09:00:00', false]);
  const done = { done: true };
  assert.equal((await activities.updateActivity({ id: activity.id, AddActivityRequest: done })).data.done, true);
  const products = new v2.ProductsApi(two);
  const product = (await products.addProduct({ AddProductRequest: { name: 'Oven', prices: [{ price: 5, currency: 'EUR' }] } })).data;
  const AddDealProductRequest = { product_id: product.id, item_price: 5, quantity: 2 };
  const attached = (await new v2.DealProductsApi(two).addDealProduct({ id: deal.id, AddDealProductRequest })).data;
  assert.equal(attached.sum, 10);
});

test('has leads, notes, participants, filters, webhooks and merges of version 1', async () => {
  const person = (await persons.addPerson({ AddPersonRequest: { name: 'Lead person' } })).data;
  const other = (await persons.addPerson({ AddPersonRequest: { name: 'Other person' } })).data;
  const deal = (await deals.addDeal({ AddDealRequest: { title: 'Noted', person_id: person.id } })).data;
  const leads = new v1.LeadsApi(one);
  const AddLeadRequest = { title: 'Hot', person_id: person.id, value: { amount: 5, currency: 'EUR' } };
  const lead = (await leads.addLead({ AddLeadRequest })).data;
  assert.match(lead.id, /^[0-9a-f-]{36}$/);
  assert.equal((await leads.updateLead({ id: lead.id, UpdateLeadRequest: { title: 'Hotter' } })).data.title, 'Hotter');
  const converted = (await new v2.LeadsApi(two).convertLeadToDeal({ id: lead.id, ConvertLeadToDealRequest: {} })).data;
  const status = (await new v2.LeadsApi(two).getLeadConversionStatus({ id: lead.id, conversion_id: converted.conversion_id })).data;
  assert.equal(status.status, 'completed');
  const notes = new v1.NotesApi(one);
  const note = (await notes.addNote({ AddNoteRequest: { content: '<b>Hi</b>', deal_id: deal.id } })).data;
  assert.deepEqual((await notes.getNotes({ deal_id: deal.id })).data.map(({ id }) => id), [note.id]);
  assert.equal((await notes.updateNote({ id: note.id, NoteRequest: { content: 'Bye' } })).data.content, 'Bye');
  const AddDealParticipantRequest = { person_id: other.id };
  const participant = (await new v1.DealsApi(one).addDealParticipant({ id: deal.id, AddDealParticipantRequest })).data;
  assert.equal(participant.person_id.value, other.id);
  const merged = (await new v1.PersonsApi(one).mergePersons({ id: other.id, MergePersonsRequest: { merge_with_id: person.id } })).data;
  assert.equal(merged.id, person.id);
  const me = (await new v1.UsersApi(one).getCurrentUser()).data;
  assert.ok(me.company_id && me.company_domain);
  const field = (await new v1.DealFieldsApi(one).getDealFields()).data.find(({ key }) => key === 'title');
  const conditions = { glue: 'and', conditions: [
    { glue: 'and', conditions: [{ object: 'deal', field_id: String(field.id), operator: '=', value: 'Noted', extra_value: null }] },
    { glue: 'or', conditions: [] },
  ] };
  const filter = (await new v1.FiltersApi(one).addFilter({ AddFilterRequest: { name: 'Noted', type: 'deals', conditions } })).data;
  assert.deepEqual((await deals.getDeals({ filter_id: filter.id })).data.map(({ id }) => id), [deal.id]);
  const webhooks = new v1.WebhooksApi(one);
  const AddWebhookRequest = { subscription_url: 'http://127.0.0.1:9/hook', event_action: 'create', event_object: 'lead', name: 'judge' };
  const webhook = (await webhooks.addWebhook({ AddWebhookRequest })).data;
  assert.ok((await webhooks.getWebhooks()).data.some(({ id }) => id === webhook.id));
  assert.equal((await webhooks.deleteWebhook({ id: webhook.id })).status, 'ok');
});

test('logs in by OAuth, and its token is renewed and revoked', async () => {
  const login = new v2.OAuth2Configuration({ clientId: 'app', clientSecret: 'secret', redirectUri: 'http://127.0.0.1/back', host: URL });
  const first = await login.authorize(`code-${process.pid}`);
  assert.equal(first.token_type, 'Bearer');
  assert.equal(login.basePath, `${first.api_domain}/api/v2`);
  const api = new v2.DealsApi(new v2.Configuration({ accessToken: login.getAccessToken, basePath: login.basePath }));
  assert.equal((await api.getDeals({ limit: 1 })).success, true);
  const second = await login.tokenRefresh();
  assert.notEqual(second.refresh_token, first.refresh_token, 'it rotates');
  const stale = new v2.DealsApi(new v2.Configuration({ accessToken: () => first.access_token, basePath: login.basePath }));
  await assert.rejects(stale.getDeals({}), (body) => body.error === 'unauthorized access' && body.errorCode === 401);
  await login.revokeToken('refresh_token');
  await assert.rejects(login.tokenRefresh(), (body) => body.error === 'invalid_grant');
});

test('refuses a bad token, and meets the rate limit', async () => {
  const bad = new v2.DealsApi(new v2.Configuration({ apiKey: 'invalid', basePath: `${URL}/api/v2` }));
  await assert.rejects(bad.getDeals({}), (body) => body.errorCode === 401);
  const hasty = new v2.DealsApi(new v2.Configuration({ apiKey: 'token', basePath: `${process.env.LIMITED_URL}/api/v2` }));
  const answers = await Promise.allSettled(Array.from({ length: 60 }, () => hasty.getDeals({ limit: 1 })));
  const reasons = answers.filter((answer) => answer.status === 'rejected').map((answer) => answer.reason);
  assert.ok(reasons.length > 0 && reasons.length < 60, `${reasons.length} of 60 are refused`);
  assert.ok(reasons.every((body) => body.errorCode === 429));
});
