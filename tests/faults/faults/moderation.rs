//! Somebody keeps order all the time, over any of the servers, while one of them, their Redis or their database fails:
//! what was acknowledged holds on every server (P10), and nobody sees what they may not (P11).

use rand::RngExt;

use super::cluster::{ALONE, BUS};
use crate::{
    place::Stop,
    world::{Ended, Fault, Spec, World},
};

const TWO: Spec = Spec { n_servers: 2, is_moderated: true, ..ALONE };
const TWO_WITH_BUS: Spec = Spec { n_servers: 2, is_moderated: true, ..BUS };
const ONE: Spec = Spec { is_moderated: true, ..Spec::SQLITE };

pub fn faults() -> Vec<Fault> {
    let killed = "kill -9 of one of two servers on which people are banned and rooms are locked; another one comes";
    let redis = "the same two, and Redis is killed and comes back empty";
    let restart = "the same two, and PostgreSQL is restarted";
    vec![
        Fault::new("moderation-kill", killed, TWO, |w| Box::pin(kill(w))).bit(moderated),
        Fault::new("moderation-redis", redis, TWO_WITH_BUS, |w| Box::pin(kill_redis(w))).bit(moderated),
        Fault::new("moderation-postgres", restart, TWO_WITH_BUS, |w| Box::pin(restart_postgres(w))).bit(moderated),
        Fault::new("moderation-kill-sqlite", "kill -9 of the server, on SQLite", ONE, |w| Box::pin(kill_alone(w)))
            .bit(moderated),
    ]
}

/// That there was something to be held to.
fn moderated(ended: &Ended) -> Result<(), String> {
    ended.needs("acts")?;
    ended.needs("quiet spans")?;
    ended.needs("reads of what was deleted")
}

/// Some things are done while nothing is broken. A second must pass until they are so everywhere, and then some time in
/// which they are.
async fn in_peace(world: &mut World) {
    world.acts(3).await;
    world.pause(1_500, 2_500).await;
}

async fn kill(world: &mut World) {
    in_peace(world).await;
    strike(world).await;
    world.all_have_all().await;
    world.is_calm(true);
    in_peace(world).await;
}

async fn kill_alone(world: &mut World) {
    in_peace(world).await;
    strike(world).await;
    world.is_calm(true);
    in_peace(world).await;
}

/// A server is killed right behind an act, and started again.
async fn strike(world: &mut World) {
    world.acts(1).await;
    world.is_calm(false);
    let server = world.withdraw_server();
    world.keep_log(&server);
    server.kill9().await;
    world.pause(0, 200).await;
    world.start_server().await;
}

async fn kill_redis(world: &mut World) {
    world.bus_is(true).await;
    in_peace(world).await;
    world.is_calm(false);
    world.redis().kill();
    world.bus_is(false).await;
    // Without a bus the poll carries; what is done meanwhile holds in the room where it is done.
    world.acts(2).await;
    world.all_have_all().await;
    world.replace_redis().await;
    world.bus_is(true).await;
    world.is_calm(true);
    in_peace(world).await;
}

async fn restart_postgres(world: &mut World) {
    in_peace(world).await;
    world.acts(1).await;
    world.is_calm(false);
    let how = if world.rng.random() { Stop::Fast } else { Stop::Immediate };
    world.cluster().stop(how).await;
    world.stays_away(800).await;
    world.cluster().start().await;
    world.told_back().await;
    world.all_have_all().await;
    world.is_calm(true);
    in_peace(world).await;
}
