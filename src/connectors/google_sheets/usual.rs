//! What people usually call the standard fields in a sheet: `E-mail`, `First name`, `Deal value`. Pure.
//!
//! The one name of each is in `standard.yaml`. A column with another usual heading gets that name as its label, so that
//! `standard: contact`, or a mapping that says `Email`, finds it.

/// The name of a standard field, and the headings that mean the same and nothing else: a pipeline that writes `Name` must not
/// reach a column `Contact` of somebody's own. A heading is compared by its letters and digits alone.
const HEADINGS: [(&str, &[&str]); 19] = [
    ("Email", &["email", "mail", "emailaddress", "mailaddress", "contactemail", "workemail"]),
    ("First Name", &["firstname", "forename", "givenname"]),
    ("Last Name", &["lastname", "surname", "familyname"]),
    ("Name", &["name", "fullname", "contactname"]),
    ("Phone", &["phone", "phonenumber", "telephone", "tel", "telephonenumber", "workphone"]),
    ("Mobile Phone", &["mobilephone", "mobile", "cell", "cellphone", "mobilenumber"]),
    ("Job Title", &["jobtitle", "position", "jobrole"]),
    ("Street", &["street", "streetaddress", "addressline1"]),
    ("City", &["city", "town"]),
    ("State", &["state", "province", "stateregion"]),
    ("Postal Code", &["postalcode", "postcode", "zip", "zipcode"]),
    ("Country", &["country", "countryregion"]),
    ("Website", &["website", "url", "web", "homepage", "websiteurl"]),
    ("Domain", &["domain", "companydomain", "domainname", "companydomainname"]),
    ("Employees", &["employees", "numberofemployees", "employeecount", "headcount", "noofemployees"]),
    ("Annual Revenue", &["annualrevenue", "revenue", "turnover"]),
    ("Description", &["description"]),
    ("Amount", &["amount", "dealamount", "dealvalue"]),
    ("Close Date", &["closedate", "closingdate", "expectedclosedate"]),
];

/// Headings that name the record itself, on a tab of companies or deals.
const OWN_NAMES: [&str; 10] = [
    "company",
    "companyname",
    "account",
    "accountname",
    "organisation",
    "organization",
    "deal",
    "dealname",
    "opportunity",
    "opportunityname",
];

/// The columns of a tab of people, where a company's name is no name of the record.
const OF_PEOPLE: [&str; 5] = ["Email", "First Name", "Last Name", "Name", "Job Title"];

/// Returns, for each column, the name of the standard field that its heading means; none where it has that name already, or
/// where several columns could be meant.
pub(super) fn labels(headings: &[&str]) -> Vec<Option<&'static str>> {
    let letters: Vec<String> = headings.iter().map(|heading| letters(heading)).collect();
    let mut means: Vec<Option<&'static str>> = letters.iter().map(|letters| meaning(letters)).collect();
    if !means.iter().flatten().any(|name| OF_PEOPLE.contains(name)) {
        for (name, letters) in means.iter_mut().zip(&letters) {
            if OWN_NAMES.contains(&letters.as_str()) {
                *name = Some("Name");
            }
        }
    }
    let is_alone = |name: &&str| means.iter().flatten().filter(|other| *other == name).count() == 1;
    means.iter().zip(headings).map(|(name, heading)| name.filter(|name| is_alone(name) && name != heading)).collect()
}

fn meaning(letters: &str) -> Option<&'static str> {
    HEADINGS.iter().find(|(_, usual)| usual.contains(&letters)).map(|(name, _)| *name)
}

fn letters(heading: &str) -> String {
    heading.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_headings_mean_the_standard_fields() {
        let cases: [(&[&str], &[Option<&str>]); 6] = [
            (
                &["E-mail", "First name", "Surname", "Tel.", "ZIP", "Remark"],
                &[Some("Email"), Some("First Name"), Some("Last Name"), Some("Phone"), Some("Postal Code"), None],
            ),
            // A column that has the name keeps it.
            (&["Email", "E-mail"], &[None, None]),
            (&["Email", "Name"], &[None, None]),
            // Two that could be meant are not guessed between.
            (&["Mail", "E-Mail Address"], &[None, None]),
            (&["Company", "Web site"], &[Some("Name"), Some("Website")]),
            (&["Company", "E-mail"], &[None, Some("Email")]),
        ];
        for (headings, expected) in cases {
            assert_eq!(labels(headings), expected, "{headings:?}");
        }
    }

    #[test]
    fn the_names_are_those_of_the_list() {
        let list = include_str!("standard.yaml");
        for (name, usual) in HEADINGS {
            assert!(list.contains(&format!(": {name}\n")), "{name}");
            assert!(usual.contains(&letters(name).as_str()), "{name} is one of its own headings");
        }
    }
}
