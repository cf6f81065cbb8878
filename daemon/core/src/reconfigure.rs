//! A changed spec: refused, kept for the next start, or brought into force.

use crate::effect::{Effect, Secrets};
use crate::event::{LossConsent, Now, ReconfigureRequest, SlugChoice};
use crate::record::{PodRecord, Revert};
use crate::request::{busy, no_such_pod};
use crate::spec::diff;
use crate::state::State;
use pinacle_protocol::{
    Accepted, ApiError, Desired, ErrorKind, OperationKind, PodId, PodPhase, Slug,
};

impl State {
    pub(crate) fn reconfigure(
        &mut self,
        now: Now,
        change: ReconfigureRequest,
    ) -> Result<Accepted, ApiError> {
        let id = change.pod.clone();
        let Some(pod) = self.pods.get(&id) else { return Err(no_such_pod(&id)) };
        let record = &pod.record;
        if record.spec_revision != change.expected {
            let message = format!(
                "the spec of pod `{}` is at revision {} by now, not {}",
                record.slug, record.spec_revision, change.expected
            );
            return Err(ApiError::new(ErrorKind::Conflict, message)
                .hint("read it again, make your change on top of it and apply that"));
        }
        if let Some((_, kind)) = self.latest(&id) {
            return Err(busy(record, kind));
        }
        if record.desired == Desired::Gone {
            return Err(busy(record, OperationKind::Delete));
        }
        let in_force = record.applied.as_ref().map_or(&record.spec, |applied| &applied.spec);
        let difference = diff(in_force, &change.spec);
        if difference.is_empty() && diff(&record.spec, &change.spec).is_empty() {
            return self.store_spec(&id, change).map(|()| Accepted { pod: id, operation: None });
        }
        let has_files = record.applied.is_some();
        if difference.needs_recreate() && has_files && change.loss == LossConsent::NotGiven {
            let message =
                format!("applying this spec makes the container of pod `{}` again", record.slug);
            return Err(ApiError::new(ErrorKind::Conflict, message)
                .cause("files outside /workspace and the home directory would be lost")
                .hint("see `config plan`, and apply with consent to the loss (--accept-loss)"));
        }
        let running = record.phase == PodPhase::Running;
        let failed_create = record.failure.as_ref().map(|f| f.kind) == Some(OperationKind::Create);
        if running || failed_create {
            let host = record.host.clone();
            self.host_usable(&host)?;
        }
        self.apply_spec(now, id, change, running, failed_create)
    }

    fn apply_spec(
        &mut self,
        now: Now,
        id: PodId,
        change: ReconfigureRequest,
        running: bool,
        failed_create: bool,
    ) -> Result<Accepted, ApiError> {
        let request = change.request_id.clone();
        let revert = self.pods.get(&id).map(|pod| revert(&pod.record));
        if failed_create {
            self.reserve(&id, now.mono_ms)?;
        }
        if let Err(error) = self.store_spec(&id, change) {
            if failed_create {
                self.release(&id);
            }
            return Err(error);
        }
        if failed_create {
            let operation = self.start(now, request, &id)?;
            return Ok(Accepted { pod: id, operation });
        }
        if !running {
            // In force from the next start on; one that waits after a failure is next now.
            self.clear_timer(&id);
            return Ok(Accepted { pod: id, operation: None });
        }
        let operation = self.begin(now, &id, OperationKind::Reconfigure, Some(request));
        if let Some(operation) = self.operation_mut(&operation) {
            operation.revert = revert.map(Box::new);
        }
        Ok(Accepted { pod: id, operation: Some(operation) })
    }

    fn store_spec(&mut self, id: &PodId, change: ReconfigureRequest) -> Result<(), ApiError> {
        let old = self.pods.get(id).map(|pod| pod.record.slug.clone());
        let wanted = change.spec.slug.clone().and_then(|slug| Slug::new(slug).ok());
        if let (Some(wanted), Some(old)) = (wanted, old)
            && wanted != old
        {
            let slug = self.choose_slug(wanted, SlugChoice::Explicit)?;
            self.slugs.remove(&old);
            self.slugs.insert(slug.clone(), id.clone());
            if let Some(pod) = self.pod_mut(id) {
                pod.record.slug = slug;
            }
        }
        let Some(pod) = self.pod_mut(id) else { return Err(no_such_pod(id)) };
        let record = &mut pod.record;
        if record.spec_text == change.spec_text {
            return Ok(());
        }
        record.spec_text = change.spec_text;
        record.isolation = change.spec.isolation;
        if let Some(name) = &change.spec.name {
            record.name.clone_from(name);
        }
        record.spec = change.spec;
        record.spec_revision = record.spec_revision.next();
        let values = Secrets(record.spec.secret_values());
        self.effects.push(Effect::SetSecrets { pod: id.clone(), values });
        Ok(())
    }
}

fn revert(record: &PodRecord) -> Revert {
    Revert {
        spec_text: record.spec_text.clone(),
        spec: record.spec.clone(),
        isolation: record.isolation,
        image: record.image.clone(),
        runtime: record.runtime.clone(),
        name: Some(record.name.clone()),
        slug: Some(record.slug.clone()),
    }
}
