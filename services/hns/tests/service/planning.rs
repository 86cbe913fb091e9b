//! What is planned in one step.

use std::collections::BTreeSet;

use crate::world::World;

#[test]
fn endpoints_that_are_made_in_one_step_have_addresses_of_their_own() {
    let world = World::new();
    let network = world.network("blue", 10);
    let (records, _namespace) = world.container("two", &[(network, "one"), (network, "other")]);
    let distinct: BTreeSet<String> = records
        .iter()
        .flat_map(|record| {
            [record.document.ip_configurations[0].ip_address.clone(), record.document.mac_address.clone()]
        })
        .collect();
    assert_eq!(distinct.len(), 4, "{records:?}");
    assert_eq!(world.on_host(|service| service.usage(&network)).total, 2);
}
