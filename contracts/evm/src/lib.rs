//! The code of one contract, run in this process by revm's interpreter: for tests that ask a stateless contract many
//! questions.
//!
//! It is a crate of its own because the interpreter is generic and so compiled where it is used, and without optimisation it
//! is some thirty times slower.

use revm_interpreter::{
    CallInput, InputsImpl, InstructionResult, Interpreter, InterpreterAction, InterpreterResult, SharedMemory,
    bytecode::Bytecode,
    gas_table,
    host::DummyHost,
    instruction_table,
    interpreter::{EthInterpreter, ExtBytecode},
    primitives::{Bytes, hardfork::SpecId},
};

/// The rules that the code runs under.
const RULES: SpecId = SpecId::OSAKA;

/// Code that lies at some address, without storage. It may call nobody.
#[derive(Debug)]
pub struct Contract {
    code: Bytecode,
}

/// What a call gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    /// The bytes that the call returned, or those with which it reverted.
    pub result: Result<Bytes, Bytes>,
    /// Gas that the code took.
    pub gas: u64,
}

impl Contract {
    /// A contract of runtime code, as compilers call `deployedBytecode`.
    pub fn new(code: Bytes) -> Self {
        Self { code: Bytecode::new_legacy(code) }
    }

    /// Calls the contract with `data` as a view.
    ///
    /// # Panics
    /// When the code calls another contract, or stops in another way than by returning or reverting.
    pub fn call(&self, data: Bytes, gas_limit: u64) -> Called {
        let ended = self.run(data, gas_limit);
        let gas = ended.gas.total_gas_spent();
        assert!(ended.is_ok() || ended.is_revert(), "the code stopped with {:?} after {gas} gas", ended.result);
        Called { result: if ended.is_ok() { Ok(ended.output) } else { Err(ended.output) }, gas }
    }

    /// Whether a call with `data` that is no view gets as far as its first write, and if not, what it reverts with.
    ///
    /// # Panics
    /// When the code calls another contract, or stops in another way than by writing or reverting.
    pub fn writes(&self, data: Bytes, gas_limit: u64) -> Result<(), Bytes> {
        let ended = self.run(data, gas_limit);
        match ended.result {
            InstructionResult::StateChangeDuringStaticCall => Ok(()),
            InstructionResult::Revert => Err(ended.output),
            other => panic!("the code stopped with {other:?}"),
        }
    }

    fn run(&self, data: Bytes, gas_limit: u64) -> InterpreterResult {
        let input = InputsImpl { input: CallInput::Bytes(data), ..InputsImpl::default() };
        let (memory, code) = (SharedMemory::new(), ExtBytecode::new(self.code.clone()));
        let mut interpreter = Interpreter::<EthInterpreter>::new(memory, code, input, true, RULES, gas_limit);
        let mut host = DummyHost::new(RULES);
        match interpreter.run_plain(&instruction_table(), &gas_table(), &mut host) {
            InterpreterAction::Return(ended) => ended,
            action @ InterpreterAction::NewFrame(_) => panic!("the code calls another contract: {action:?}"),
        }
    }
}

/// Gas of a transaction with this calldata whose execution takes `execution`, by EIP-7623: calldata costs 16 gas a byte and 4 a
/// zero, but a transaction never less than 40 and 10.
pub fn transaction_gas(data: &[u8], execution: u64) -> u64 {
    let zeros = data.iter().filter(|byte| **byte == 0).count() as u64;
    let tokens = zeros + 4 * (data.len() as u64 - zeros);
    21_000 + (4 * tokens + execution).max(10 * tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_returns_or_reverts() {
        // PUSH1 0x2a, PUSH0, MSTORE, PUSH1 0x20, PUSH0, then RETURN or REVERT: 13 gas, and 3 for a word of memory.
        for (end, reverts) in [(0xf3, false), (0xfd, true)] {
            let code = [0x60, 0x2a, 0x5f, 0x52, 0x60, 0x20, 0x5f, end];
            let called = Contract::new(Bytes::copy_from_slice(&code)).call(Bytes::new(), 1000);
            let output = called.result.clone().unwrap_or_else(|output| output);
            assert_eq!((called.result.is_err(), output[31], called.gas), (reverts, 0x2a, 16));
        }
    }

    #[test]
    fn writes_are_told_from_reverts() {
        // PUSH0, PUSH0, then SSTORE; or REVERT.
        for (end, writes) in [(0x55, true), (0xfd, false)] {
            let written = Contract::new(Bytes::copy_from_slice(&[0x5f, 0x5f, end])).writes(Bytes::new(), 10_000);
            assert_eq!(written, if writes { Ok(()) } else { Err(Bytes::new()) });
        }
    }

    #[test]
    fn calldata_sets_a_floor() {
        assert_eq!(transaction_gas(&[0, 1], 0), 21_050);
        assert_eq!(transaction_gas(&[0, 1], 29), 21_050);
        assert_eq!(transaction_gas(&[0, 1], 31), 21_051);
    }
}
