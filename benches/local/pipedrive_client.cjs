// Writes the persons of a CSV file into Pipedrive with the vendor's own client for Node.js, one after the other; prints how fast.
'use strict';

const fs = require('node:fs');
const v2 = require('pipedrive/v2');

const persons = new v2.PersonsApi(new v2.Configuration({ apiKey: 'bench', basePath: `${process.env.EMULATOR_URL}/api/v2` }));
const rows = fs.readFileSync(process.argv[2], 'utf8').trim().split('\n').slice(1).map((line) => line.split(','));

const main = async () => {
  const begin = process.hrtime.bigint();
  let created = 0;
  for (const [, name, email, phone] of rows) {
    const request = {
      name,
      emails: [{ value: email, primary: true, label: 'work' }],
      phones: [{ value: phone, primary: true, label: 'work' }],
    };
    const made = await persons.addPerson({ AddPersonRequest: request });
    created += made.success ? 1 : 0;
  }
  const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
  console.log(JSON.stringify({ created, records_per_sec: created / seconds }));
};

main().catch((error) => {
  console.error(JSON.stringify(error));
  process.exitCode = 1;
});
