//! Blobs come back as they went in, or not at all.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use assay_blobs::{BlobError, Blobs, MAX_BLOB_LEN};
use assay_kernels::{
    Hash,
    commit::{Batch, BatchScope, TaskOutput},
    merkle::row_root,
};

const SCOPE: BatchScope = BatchScope { chain_id: 31337, order_id: [9; 32], provider: [8; 20], first: 3 };

fn rows() -> Vec<Vec<u8>> {
    vec![vec![0, 101, 0, 7, 0, 102], vec![0, 101, 0, 102], vec![1; 512]]
}

fn batch() -> Batch {
    let task =
        |row: &Vec<u8>| TaskOutput { input_hash: row_root(row), units: row.len() as u32 / 2, row: vec![row[1]; 768] };
    Batch::new(SCOPE, rows().iter().map(task).collect()).unwrap()
}

fn file(root: &Path, kind: &str, hash: &Hash) -> PathBuf {
    root.join(kind).join(hash.iter().map(|b| format!("{b:02x}")).collect::<String>())
}

fn files_below(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn what_was_put_is_what_one_gets() {
    let dir = tempfile::tempdir().unwrap();
    for store in [Blobs::memory().unwrap(), Blobs::files(dir.path()).unwrap()] {
        let root = store.put_inputs(&rows()).await.unwrap();
        assert_eq!(store.get_inputs(&root).await.unwrap(), rows());
        let root = store.put_batch(&batch()).await.unwrap();
        let read = store.get_batch(&root, SCOPE).await.unwrap();
        assert_eq!((read.leaves(), read.tasks()), (batch().leaves(), batch().tasks()));
    }
}

#[tokio::test]
async fn a_blob_that_is_not_there_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    for store in [Blobs::memory().unwrap(), Blobs::files(dir.path()).unwrap()] {
        let error = store.get_inputs(&[1; 32]).await.unwrap_err();
        assert_eq!((error.code(), error.is_retryable()), ("BLOB_MISSING", true));
        let error = store.get_batch(&[1; 32], SCOPE).await.unwrap_err();
        assert_eq!(error.code(), "BLOB_MISSING");
    }
}

#[tokio::test]
async fn every_flipped_bit_and_every_cut_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = Blobs::files(dir.path()).unwrap();
    let inputs = store.put_inputs(&rows()).await.unwrap();
    let path = file(dir.path(), "inputs", &inputs);
    let good = fs::read(&path).unwrap();
    let altered = |error: BlobError| assert_eq!((error.code(), error.is_retryable()), ("BLOB_ALTERED", false));
    for at in 0..good.len().min(40) {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        fs::write(&path, bad).unwrap();
        altered(store.get_inputs(&inputs).await.unwrap_err());
        fs::write(&path, &good[..at]).unwrap();
        altered(store.get_inputs(&inputs).await.unwrap_err());
    }
    let root = store.put_batch(&batch()).await.unwrap();
    let path = file(dir.path(), "batches", &root);
    let good = fs::read(&path).unwrap();
    for at in (0..good.len()).step_by(13) {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        fs::write(&path, bad).unwrap();
        altered(store.get_batch(&root, SCOPE).await.unwrap_err());
    }
    fs::write(&path, good).unwrap();
    store.get_batch(&root, SCOPE).await.unwrap();
    // The same bytes under another scope are another batch.
    altered(store.get_batch(&root, BatchScope { first: 4, ..SCOPE }).await.unwrap_err());
    altered(store.get_batch(&root, BatchScope { provider: [7; 20], ..SCOPE }).await.unwrap_err());
}

#[tokio::test]
async fn a_huge_file_is_refused_unread() {
    let dir = tempfile::tempdir().unwrap();
    let store = Blobs::files(dir.path()).unwrap();
    let path = file(dir.path(), "inputs", &[2; 32]);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::File::create(&path).unwrap().set_len(MAX_BLOB_LEN + 1).unwrap();
    assert_eq!(store.get_inputs(&[2; 32]).await.unwrap_err().code(), "BLOB_TOO_LARGE");
}

/// The operating system refuses to let the files of a second process grow, as a full disk does.
#[cfg(unix)]
#[test]
fn a_full_disk_is_an_error_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" --exact writes_until_the_disk_is_full --nocapture"])
        .arg(std::env::current_exe().unwrap())
        .env("ASSAY_FULL_DISK", dir.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(files_below(dir.path()), Vec::<PathBuf>::new());
}

/// The second process of the test above; by itself it writes to a disk with room.
#[tokio::test]
async fn writes_until_the_disk_is_full() {
    let full = std::env::var_os("ASSAY_FULL_DISK").map(PathBuf::from);
    let spare = tempfile::tempdir().unwrap();
    let store = Blobs::files(full.as_deref().unwrap_or(spare.path())).unwrap();
    let put = store.put_inputs(&vec![vec![5; 1000]; 1000]).await;
    match full {
        Some(_) => {
            let error = put.unwrap_err();
            assert_eq!((error.code(), error.is_retryable()), ("BLOB_STORE", true), "{error}");
        }
        None => assert!(store.get_inputs(&put.unwrap()).await.is_ok()),
    }
}
