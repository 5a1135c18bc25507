//! What the contracts' own reference makes of small epochs (`test-fixtures/vectors/uptime.json`).

use alloy::primitives::{Address, B256, hex};
use assay_epochs::{
    Hash, Inputs, Uptime,
    uptime::{
        Operator, Reveal, Run,
        answers::{Answers, Seal, audited},
    },
};
use assay_test_fixtures::workspace_root;
use serde_json::Value;

fn vectors() -> Value {
    let path = workspace_root().join("test-fixtures/vectors/uptime.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn number(value: &Value) -> u32 {
    value.as_u64().unwrap().try_into().unwrap()
}

fn hash(value: &Value) -> Hash {
    value.as_str().unwrap().parse::<B256>().unwrap().0
}

fn list<T>(value: &Value, read: impl FnMut(&Value) -> T) -> Vec<T> {
    value.as_array().unwrap().iter().map(read).collect()
}

fn answers(world: &Value, value: &Value) -> Answers {
    let bytes = hex::decode(value.as_str().unwrap()).unwrap();
    Answers::from_bytes(number(&world["rounds"]), number(&world["seats"]), bytes).unwrap()
}

fn inputs(world: &Value) -> Inputs {
    let flags = |name: &str| list(&world[name], |flag| flag.as_bool().unwrap());
    let (silent, revealed, votes) = (flags("silent"), flags("revealed"), flags("votes"));
    let runs =
        list(&world["runs"], |run| Run { operator: number(&run["operator"]), rate: number(&run["rate"]) as u16 });
    let numbers = || number(&world["licenses"]) + 1..;
    let delegated = |number| runs.iter().filter(|run| run.operator == number).count() as u32;
    Inputs {
        epoch: 0,
        seed: hash(&world["seed"]),
        rounds: number(&world["rounds"]),
        occupied: flags("occupied"),
        operators: numbers()
            .zip(silent)
            .map(|(number, silent)| Operator { delegated: delegated(number), silent })
            .collect(),
        reveals: numbers()
            .zip(list(&world["answers"], Value::clone))
            .zip(revealed)
            .filter(|(_, revealed)| *revealed)
            .map(|((operator, given), _)| Reveal { operator, answers: answers(world, &given) })
            .collect(),
        voters: numbers().zip(votes).filter(|(_, votes)| *votes).map(|(number, _)| number).collect(),
        runs,
    }
}

#[test]
fn epochs_are_those_of_the_contracts() {
    let vectors = vectors();
    let worlds = vectors["worlds"].as_array().unwrap();
    assert!(worlds.len() >= 6);
    for world in worlds {
        let epoch = Uptime::new(inputs(world)).unwrap();
        assert_eq!(epoch.truth(), &answers(world, &world["truth"]));
        for part in world["parts"].as_array().unwrap() {
            let license = number(&part["number"]);
            let (record, told) = (epoch.record(license).unwrap(), epoch.explain(license).unwrap());
            let counts = [record.assigned, record.answered, record.right, record.wrong];
            assert_eq!(counts, ["assigned", "answered", "right", "wrong"].map(|name| number(&part[name])));
            assert_eq!((told.shares, record.sum), (part["shares"].as_u64().unwrap(), part["sum"].as_u64().unwrap()));
            assert_eq!(record.accumulators, hash(&part["accumulators"]));
        }
        let operators = &epoch.shares().shares()[epoch.inputs().runs.len()..];
        let commissions: Vec<_> = operators.iter().map(|share| share.shares).collect();
        assert_eq!(commissions, list(&world["commissions"], |value| value.as_u64().unwrap()));
        assert_eq!(epoch.shares().tree().leaves(), list(&world["leaves"], hash));
        assert_eq!(epoch.shares().root(), hash(&world["root"]));
        assert_eq!(epoch.shares().total(), world["total"].as_u64().unwrap());
    }
}

#[test]
fn hashes_are_those_of_the_contracts() {
    let vectors = vectors();
    let said = &vectors["hashes"];
    let answers = answers(said, &said["answers"]);
    assert_eq!(answers.tree().root(), hash(&said["answersRoot"]));
    let operator = number(&said["operator"]);
    let seal = Seal {
        chain_id: said["chainId"].as_u64().unwrap(),
        attestations: said["attestations"].as_str().unwrap().parse::<Address>().unwrap().into_array(),
        epoch: number(&said["epoch"]),
        operator,
        answers: answers.tree().root(),
        evidence: hash(&said["evidenceRoot"]),
        salt: hash(&said["salt"]),
    };
    assert_eq!(seal.hash(), hash(&said["seal"]));
    let positions = list(&said["audits"], number);
    let drawn = audited(&answers, &hash(&said["nextSeed"]), operator, positions.len() as u32);
    assert_eq!(drawn.iter().map(|(round, seat)| round * answers.seats() + seat).collect::<Vec<_>>(), positions);
}
