//! Models, their price floors and royalties from the registry's events.

use super::Change;
use crate::rows::{Json, Model, PriceFloor, Royalty};
use assay_contracts::ModelRegistry::{ModelRegistered, ModelRegistryEvents};

impl Change<'_> {
    pub(super) async fn model_registry(&mut self, event: &ModelRegistryEvents) -> Result<(), sqlx::Error> {
        match event {
            ModelRegistryEvents::ModelRegistered(event) => self.model_registered(event),
            ModelRegistryEvents::RoyaltiesSet(event) => {
                if let Some(model) = self.tables.models.find(self.connection, (event.modelId,)).await? {
                    let royalty = |royalty: &assay_contracts::ModelRegistry::Royalty| Royalty {
                        account: royalty.account,
                        share: royalty.share,
                    };
                    model.royalties = Json(event.royalties.iter().map(royalty).collect());
                }
            }
            ModelRegistryEvents::PriceFloorSet(event) => self.tables.price_floors.insert(PriceFloor {
                model_id: event.modelId,
                token: event.token,
                accepted: event.accepted,
                unit_price: event.unitPrice.into(),
            }),
            ModelRegistryEvents::MetadataSet(event) => {
                if let Some(model) = self.tables.models.find(self.connection, (event.modelId,)).await? {
                    model.metadata_uri = event.metadataURI.clone();
                }
            }
            ModelRegistryEvents::ModelTransferred(event) => {
                if let Some(model) = self.tables.models.find(self.connection, (event.modelId,)).await? {
                    model.owner = event.owner;
                }
            }
        }
        Ok(())
    }

    fn model_registered(&mut self, event: &ModelRegistered) {
        self.tables.models.insert(Model {
            model_id: event.modelId,
            position: self.origin.position,
            registered_at: self.origin.timestamp,
            transaction_hash: self.origin.transaction_hash,
            owner: event.owner,
            program_root: event.programRoot,
            weights_root: event.weightsRoot,
            unit_bytes: event.unitBytes,
            metadata_uri: event.metadataURI.clone(),
            ..Model::default()
        });
    }
}
