//! Flows against closed forms: allocation, transfer, broadcast layers, codecs, and forward ECN on the published testbed.

mod allocation;
mod broadcast;
mod packets;
mod transfer;
mod world;
