//! Contract types generated from the committed artifacts in `contracts/abi`.

#![allow(missing_docs, missing_debug_implementations, unreachable_pub, clippy::all, rustdoc::all)]

use alloy::sol;

sol!(
    #[sol(rpc, all_derives)]
    AccessManager,
    "../abi/AccessManager.json"
);
sol!(
    #[sol(rpc, all_derives)]
    DevToken,
    "../abi/DevToken.json"
);
sol!(
    #[sol(rpc, all_derives)]
    Ledger,
    "../abi/Ledger.json"
);
sol!(
    #[sol(rpc, all_derives)]
    FeeSchedule,
    "../abi/FeeSchedule.json"
);
sol!(
    #[sol(rpc, all_derives)]
    Staking,
    "../abi/Staking.json"
);
sol!(
    #[sol(rpc, all_derives)]
    ProgramRegistry,
    "../abi/ProgramRegistry.json"
);
sol!(
    #[sol(rpc, all_derives)]
    ModelRegistry,
    "../abi/ModelRegistry.json"
);
sol!(
    #[sol(rpc, all_derives)]
    JobEscrow,
    "../abi/JobEscrow.json"
);
sol!(
    #[sol(rpc, all_derives)]
    Referee,
    "../abi/Referee.json"
);
sol!(
    #[sol(rpc, all_derives)]
    PrevrandaoBeacon,
    "../abi/PrevrandaoBeacon.json"
);
sol!(
    #[sol(rpc, all_derives)]
    DrandBeacon,
    "../abi/DrandBeacon.json"
);
sol!(
    #[sol(rpc, all_derives)]
    ValidatorSeats,
    "../abi/ValidatorSeats.json"
);
sol!(
    #[sol(rpc, all_derives)]
    DisputeGame,
    "../abi/DisputeGame.json"
);
sol!(
    #[sol(rpc, all_derives)]
    Verification,
    "../abi/Verification.json"
);
sol!(
    #[sol(rpc, all_derives)]
    NodeSale,
    "../abi/NodeSale.json"
);
sol!(
    #[sol(rpc, all_derives)]
    NodeLicense,
    "../abi/NodeLicense.json"
);
sol!(
    #[sol(rpc, all_derives)]
    LicenseStaking,
    "../abi/LicenseStaking.json"
);
sol!(
    #[sol(rpc, all_derives)]
    Attestations,
    "../abi/Attestations.json"
);
sol!(
    #[sol(rpc, all_derives)]
    Uptime,
    "../abi/Uptime.json"
);
sol!(
    #[sol(rpc, all_derives)]
    EpochRewards,
    "../abi/EpochRewards.json"
);
