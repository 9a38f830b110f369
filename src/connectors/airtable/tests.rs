//! What the connector does with Airtable's answers: each trap of the vendor once.
